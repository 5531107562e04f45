"""How alike clips are, and where in a routine they lie: the model's view of a video.

The likeness of two clips is exp(-sharpness x squared distance / usual squared distance). It stands
here as a sum of products of random waves (Rahimi and Recht 2007, "Random features for large-scale
kernel machines"). Their frequencies are orthogonal in blocks, each three rounds of random signs and
a Hadamard matrix (Yu et al. 2016, "Orthogonal random features"), of which only the signs are kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_PAIRS = 20_000
_ROUNDS = 3


class Likeness(nn.Module):
    """Clips [T, d] -> waves [T, 2W], whose products are the likeness of clips."""

    def __init__(self, width: int, waves: int) -> None:
        super().__init__()
        size = 1 << max(0, width - 1).bit_length()  # of a Hadamard matrix
        self.register_buffer(
            "signs", torch.ones(-(-waves // size), _ROUNDS, size, dtype=torch.int8)
        )
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("frequencies", torch.zeros(width, waves), persistent=False)
        self.register_load_state_dict_post_hook(lambda module, _: module._unfold())

    @torch.no_grad()
    def draw(self, clips: Tensor, sharpness: float) -> None:
        """Signs from torch's generator; the usual distance is the median of pairs of the training
        clips [n, d]."""
        one, other = torch.randint(len(clips), (2, _PAIRS)).to(clips.device)
        usual = float((clips[one] - clips[other]).square().sum(1).median())
        self.signs.copy_(torch.randint(2, self.signs.shape) * 2 - 1)
        self.scale.fill_((2 * sharpness / max(usual, 1e-12)) ** 0.5)
        self._unfold()

    @torch.no_grad()
    def _unfold(self) -> None:
        """``frequencies`` from signs and scale."""
        width, waves = self.frequencies.shape
        size = self.signs.shape[2]
        matrix = _hadamard(size).to(self.scale) / size**0.5
        blocks = []
        for signs in self.signs.to(matrix):
            block = torch.eye(size).to(matrix)
            for flips in signs:
                block = block * flips @ matrix
            blocks.append(block[:width] * size**0.5)
        self.frequencies.copy_(torch.cat(blocks, dim=1)[:, :waves] * self.scale)

    def forward(self, clips: Tensor) -> Tensor:
        angles = clips @ self.frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=1) / self.frequencies.shape[1] ** 0.5


def _hadamard(size: int) -> Tensor:
    """[size, size] of 1 and -1 with orthogonal rows (Sylvester's); size a power of 2."""
    matrix = torch.ones(1, 1)
    while len(matrix) < size:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix


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
