"""A video as the means of a few equal parts."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor


def segment_means(clips: Tensor, segments: int) -> Tensor:
    """[T, C] -> [segments * C]: the means of equal parts; with T < segments parts share clips."""
    starts = [part * len(clips) // segments for part in range(segments + 1)]
    parts = [clips[low : max(high, low + 1)] for low, high in itertools.pairwise(starts)]
    return torch.cat([part.mean(0) for part in parts])
