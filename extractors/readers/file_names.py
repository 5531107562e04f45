"""Which files are footage, by the ends of their names (in lower case)."""

from __future__ import annotations

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts",
    ".wmv", ".flv", ".3gp", ".ogv",
})
# fmt: on
