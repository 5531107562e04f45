"""Which files are footage, by the ends of their names (in lower case); the rate of images."""

from __future__ import annotations

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
FRAME_RATE = 25.0  # frames/s of a folder of images, where nobody says another
# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts",
    ".wmv", ".flv", ".3gp", ".ogv",
})
# fmt: on
