"""Which clips of a whole video there are: a salvaged one has gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aqa.errors import SpoiledError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Grid:
    """``positions`` int64 [T], increasing, from 0: those of the ``clips`` of the whole video that
    there are features of."""

    positions: np.ndarray
    clips: int

    @classmethod
    def of_record(cls, record: dict[str, Any] | None, count: int, where: str) -> Grid | None:
        """From the record of a video with ``count`` clips; None where there is no gap.

        SpoiledError where the record speaks of other features.
        """
        positions = record.get("clip_index") if record else None
        if positions is None:
            return None
        clips = record.get("whole_clips")
        numbers = isinstance(positions, list) and all(type(number) is int for number in positions)
        fits = numbers and type(clips) is int and len(positions) == count
        if not fits or positions != sorted(set(positions) & set(range(clips))):
            raise SpoiledError(
                f"{where}: its record does not say which clips these are: extract it again"
            )
        return cls(np.array(positions, np.int64), clips)

    def fill(self, features: np.ndarray) -> np.ndarray:
        """Features [T, C] -> float32 [clips, C]: lost clips lie on straight lines between those
        around them, at an end they are like the nearest."""
        left, right, share = self._neighbours()
        share = share.astype(np.float32)[:, None]
        features = np.asarray(features, np.float32)
        filled = features[left] * (1 - share) + features[right] * share
        filled[self.positions] = features
        return filled

    def filled(self, features: Tensor) -> Tensor:
        """The same of a tensor, whose gradients pass."""
        import torch

        left, right, share = (torch.from_numpy(part) for part in self._neighbours())
        share = share.to(features.dtype)[:, None]
        return features[left] * (1 - share) + features[right] * share

    def _neighbours(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each clip of the whole: the clips there are before and after it, and how far it is on
        the way from the one to the other."""
        whole = np.arange(self.clips)
        right = np.searchsorted(self.positions, whole).clip(max=len(self.positions) - 1)
        left = np.where(self.positions[right] == whole, right, (right - 1).clip(min=0))
        left = np.where(whole > self.positions[-1], right, left)
        span = np.maximum(self.positions[right] - self.positions[left], 1)
        return left, right, ((whole - self.positions[left]) / span).clip(0, 1)
