"""How alike clips are, and where in a routine they lie: the model's view of a video.

The likeness of two clips is exp(-sharpness x squared distance / usual squared distance). It stands
here as a sum of products of random waves (Rahimi and Recht 2007, "Random features for large-scale
kernel machines"), whose frequencies are orthogonal in blocks, which takes much of the chance out of
them (Yu et al. 2016, "Orthogonal random features").
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_PAIRS = 20_000


class Likeness(nn.Module):
    """Clips [T, d] -> waves [T, 2W], whose products are the likeness of clips."""

    def __init__(self, width: int, waves: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.zeros(width, waves))

    @torch.no_grad()
    def draw(self, clips: Tensor, sharpness: float) -> None:
        """Frequencies from torch's generator; the usual distance is the median of pairs of the
        training clips [n, d]."""
        width, waves = self.frequencies.shape
        one, other = torch.randint(len(clips), (2, _PAIRS)).to(clips.device)
        usual = float((clips[one] - clips[other]).square().sum(1).median())
        blocks = []
        for _ in range(math.ceil(waves / width)):
            turned, _ = torch.linalg.qr(torch.randn(width, width, dtype=torch.float64))
            lengths = torch.randn(width, width, dtype=torch.float64).norm(dim=0)
            blocks.append(turned * lengths)
        drawn = torch.cat(blocks, dim=1)[:, :waves] * (2 * sharpness / max(usual, 1e-12)) ** 0.5
        self.frequencies.copy_(drawn)

    def forward(self, clips: Tensor) -> Tensor:
        angles = clips @ self.frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=1) / self.frequencies.shape[1] ** 0.5


def phase_hats(clips: int, counts: tuple[int, ...]) -> Tensor:
    """float32 [clips, sum of counts]: how near each clip is to each of ``count`` even points of a
    routine, from 1 at the point to 0 at its neighbours; the hats of one count add up to 1."""
    place = (torch.arange(clips) + 0.5) / clips
    hats = []
    for count in counts:
        points = torch.linspace(0, 1, count) if count > 1 else torch.tensor([0.5])
        distance = (place[:, None] - points).abs() * max(1, count - 1)
        hats.append((1 - distance).clamp_min(0) if count > 1 else torch.ones(clips, 1))
    return torch.cat(hats, dim=1)
