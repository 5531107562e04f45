"""What users of the package see when an input is at fault."""

from __future__ import annotations

import math


class ExtractorError(Exception):
    """A mistake in an input.  Its text is one line: the file, what is wrong, what to do."""


Hole = tuple[float, float]  # start_s, end_s of what is damaged; inf: to the end


class DamagedVideoError(ExtractorError):
    """A video of which a part cannot be read.  Times in seconds from the first frame.

    good_s  up to here it can: ``open_clips(path, protocol, end_s=error.good_s)`` reads that part.
    holes   what is damaged, as far as is known; outside of them it is good:
            ``open_clips(path, protocol, salvage=True)`` reads it.
    """

    def __init__(self, path: str, reason: str, good_s: float, holes: tuple[Hole, ...] = ()):
        super().__init__(f"{path}: damaged: {reason}; {_good_parts(good_s, holes)}")
        self.path, self.reason, self.good_s, self.holes = path, reason, good_s, holes

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.reason, self.good_s, self.holes)


def _good_parts(good_s: float, holes: tuple[Hole, ...]) -> str:
    """``the first 6.40 s are good, and what follows from 8.00 s on``."""
    first = f"the first {good_s:.2f} s are good"
    parts = [first] if good_s > 0 or not holes else []
    next_s = [start_s for start_s, _ in holes[1:]] + [math.inf]
    for (_, start_s), end_s in zip(holes, next_s, strict=False):
        if start_s < math.inf:
            rest = "on" if end_s == math.inf else f"to {end_s:.2f} s"
            parts.append(f"what follows from {start_s:.2f} s {rest}")
    return ", and ".join(parts) + ("" if first in parts else " is good")


class UnforeseenError(Exception):
    """What a library raised in a process of ours, as text: no input is known to be at fault."""
