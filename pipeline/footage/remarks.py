"""What is to be said of footage that was taken otherwise than it lies there."""

from __future__ import annotations

from typing import Any

from pipeline.workspace import counted


def footage_remarks(record: dict[str, Any] | None) -> list[str]:
    """What a person should know of footage with this record, a line each."""
    if not record:
        return []
    lines = list(record.get("remarks", ()))
    if salvaged := record.get("salvaged"):
        lines.append(_taken(salvaged, record))
    return lines


def _taken(salvaged: dict[str, Any], record: dict[str, Any]) -> str:
    if record.get("clip_index") is None:
        return f"damaged, only its first {salvaged['good_s']:.2f} s were taken"
    holes = ", ".join(
        f"from {start_s:.2f} s " + ("on" if end_s is None else f"to {end_s:.2f} s")
        for start_s, end_s in salvaged["damaged"]
    )
    taken = f"{len(record['clip_index'])} of {counted(record['whole_clips'], 'clip')} were taken"
    return f"damaged {holes}: {taken}"
