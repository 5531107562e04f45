"""The average routine: what contributions are measured against."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_PHASES = 64


class AverageRoutine(nn.Module):
    """Mean feature of the training routines at each of 64 even phases; not known at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("features", torch.full((_PHASES, channels), float("nan")))

    @property
    def known(self) -> bool:
        return bool(torch.isfinite(self.features).all())

    @torch.no_grad()
    def fit(self, videos: Sequence[Tensor]) -> None:
        """Of the training routines [T, C]."""
        total = torch.zeros_like(self.features)
        for clips in videos:
            total += stretched(clips.float(), len(total))
        self.features.copy_(total / len(videos))

    def at_length(self, clips: int) -> Tensor:
        """As a routine of so many clips: [clips, C]."""
        return stretched(self.features, clips)


def stretched(clips: Tensor, count: int) -> Tensor:
    """[T, C] at ``count`` even phases: on straight lines between the middles of the clips, beyond
    the first and the last of which nothing changes."""
    place = (torch.arange(count, device=clips.device) + 0.5) / count * len(clips) - 0.5
    place = place.clamp(0, len(clips) - 1)
    left = place.floor().long()
    right = (left + 1).clamp_max(len(clips) - 1)
    share = (place - left).unsqueeze(1).to(clips.dtype)
    return clips[left] * (1 - share) + clips[right] * share
