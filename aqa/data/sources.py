"""Whether features were taken from the source that is asked for, by their record.

The ``source`` of a record is a stamp: ``path``, ``size`` in bytes, ``mtime_ns`` and a ``digest`` of
parts of the content, which older records lack. What counts is the content, or the time where that
agrees; the path binds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Digest = Callable[[], str | None]


def no_digest() -> None:
    """Of a source whose content is not at hand."""


def source_difference(
    record: dict[str, Any],
    source: dict[str, Any] | None,
    digest: Digest = no_digest,
    frame_rate: float | None = None,
) -> str | None:
    """What the record of a video says otherwise; None if nothing, or nothing is given.

    source      stamp of the source as it is now, without a digest.
    digest      that of its content; called only where path, size and time do not settle it.
    frame_rate  frames/s at which a folder of frames is to be taken.
    """
    taken = record.get("fps") if record.get("kind") == "frames" else None
    if taken and frame_rate and taken != frame_rate:
        return f"its frames were taken at {taken:.10g} frames/s, asked for are {frame_rate:.10g}"
    before = record.get("source") or {}
    if source is None or _same(before, source, digest):
        return None
    if before.get("path") != source["path"]:
        return f"its features are of another file, {before.get('path')}"
    return "the source file has changed"


def moved_record(
    record: dict[str, Any], source: dict[str, Any], digest: Digest = no_digest
) -> dict[str, Any] | None:
    """The record with where and as what its source, the same, lies now; None if it says so."""
    before = record.get("source") or {}
    if all(before.get(key) == value for key, value in source.items()):
        return None
    known = digest() or before.get("digest")
    now = source | ({"digest": known} if known else {})
    return record | {"path": source["path"], "source": now}


def _same(before: dict[str, Any], source: dict[str, Any], digest: Digest) -> bool:
    if before.get("size") != source["size"]:
        return False
    same_time = before.get("mtime_ns") == source["mtime_ns"]
    if same_time and before.get("path") == source["path"]:
        return True
    known = before.get("digest")
    now = digest() if known else None
    if now is not None:
        return now == known
    return same_time and source["mtime_ns"] != 0  # 0: a file system that keeps no time
