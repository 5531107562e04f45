"""Dropout that spends its time on multiplying, not on drawing.

torch's CPU generator makes one Mersenne draw per element, on one thread. Here each 64-bit draw
serves four elements: the drop rate is a multiple of 1/65536, and drawing is several times faster.
Accelerators keep torch's own fused kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 1 << 16
_PER_DRAW = 4  # 16-bit numbers in a 64-bit draw
_LOWEST = -(1 << 63)


def kept(shape: torch.Size, rate: float) -> Tensor:
    """Float32 of ``shape`` on the CPU: 0 where dropped, else 1 / (1 - rate), as drawn."""
    return drawn(shape, rate).mul_(1.0 / (1.0 - rate))


def drawn(shape: torch.Size, rate: float, generator: torch.Generator | None = None) -> Tensor:
    """Float32 of ``shape`` on the CPU: 0 where dropped, else 1."""
    count = shape.numel()
    draws = torch.empty((count + _PER_DRAW - 1) // _PER_DRAW, dtype=torch.int64)
    draws.random_(_LOWEST, None, generator=generator)
    levels = draws.view(torch.int16)[:count].view(shape)
    ones = torch.empty(shape)
    torch.ge(levels, round(rate * _LEVELS) - _LEVELS // 2, out=ones)
    return ones


class Dropout(nn.Dropout):
    """nn.Dropout with the quicker draw on the CPU."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0 or input.device.type != "cpu":
            return super().forward(input)
        return input * kept(input.shape, self.p)

    def added(self, tokens: Tensor, input: Tensor) -> Tensor:
        """tokens + what this keeps of input, both of one shape, in one pass on the CPU."""
        if not self.training or self.p == 0 or input.device.type != "cpu":
            return tokens + self(input)
        return torch.addcmul(tokens, input, kept(input.shape, self.p))
