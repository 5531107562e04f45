"""How a run cuts videos into parts: what one worker reads and computes in one go.

The cuts lie between batches, so that they change no number. With many videos a part is a whole one;
with few, several workers share each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.footage import Video

# So many for each worker, as far as that needs cutting: none has much left when others are done.
PARTS_PER_WORKER = 8
MAX_PARTS = 64
# A part reads again what lies between its first frame and the key frame before it, so it is not
# made smaller than this.
MIN_BATCHES = 4


@dataclass(frozen=True)
class Part:
    """Number ``number`` (from 0) of the ``of`` parts of a video."""

    video: Video
    number: int = 0
    of: int = 1

    def batches(self, count: int, divisible: bool) -> range:
        """Which of the ``count`` batches of its video are this part's; none where the video has
        less of them, or where one must read all."""
        of = min(self.of, max(1, count // MIN_BATCHES)) if divisible else 1
        if self.number >= of:
            return range(0)
        return range(self.number * count // of, (self.number + 1) * count // of)

    def to_row(self) -> dict[str, str]:
        """For a worker; see ``Video.to_row``."""
        return self.video.to_row() | {"part": json.dumps([self.number, self.of])}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Part:
        """The inverse of ``to_row``."""
        return cls(Video.from_row(row), *json.loads(row["part"]))


def divided(videos: Sequence[Video], workers: int) -> list[Part]:
    """The parts of all videos, of larger files more; in the order of the videos."""
    if workers == 1:
        return [Part(video) for video in videos]
    sizes = [_size(video) for video in videos]
    known = [size for size in sizes if size]
    usual = sum(known) / len(known) if known else 1.0
    share = PARTS_PER_WORKER * workers / (sum(size or usual for size in sizes) or 1)
    parts = []
    for video, size in zip(videos, sizes, strict=True):
        of = 1 if size is None else min(MAX_PARTS, max(1, round((size or usual) * share)))
        parts += [Part(video, number, of) for number in range(of)]
    return parts


def _size(video: Video) -> int | None:
    """In bytes, 0 where it is not known; None of what lies elsewhere: each part would copy it."""
    if not isinstance(video.path, Path):
        return None
    try:
        return 0 if video.path.is_dir() else video.path.stat().st_size
    except OSError:
        return 0
