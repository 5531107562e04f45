"""How far a measure is, for those who wait for it: hundreds of routines take an hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

# What is measured, the number of the routine, of how many.
Watch = Callable[[str, int, int], None]


def unwatched(what: str, number: int, of: int) -> None:
    """Tells nobody."""


def watched(videos: Sequence[np.ndarray], what: str, watch: Watch) -> Iterator[np.ndarray]:
    for number, features in enumerate(videos, 1):
        watch(what, number, len(videos))
        yield features
