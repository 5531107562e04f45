"""Whether features were taken from the source that is asked for, by their record."""

from __future__ import annotations

from typing import Any


def source_difference(
    record: dict[str, Any], source: dict[str, Any] | None, frame_rate: float | None
) -> str | None:
    """What the record of a video says otherwise; None if nothing.

    source      stamp of the source as it is now: path, size in bytes, mtime_ns.
    frame_rate  frames/s at which a folder of frames is to be taken.
    """
    taken = record.get("fps") if record.get("kind") == "frames" else None
    if taken and frame_rate and taken != frame_rate:
        return f"its frames were taken at {taken:.10g} frames/s, asked for are {frame_rate:.10g}"
    before = record.get("source") or {}
    if source is not None and before != source:
        if before.get("path") != source.get("path"):
            return f"its features are of another file, {before.get('path')}"
        return "the source file has changed"
    return None
