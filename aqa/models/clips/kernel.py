"""Kernel ridge regression on one descriptor of whole videos."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VideoKernel(nn.Module):
    """Radial basis kernel exp(-mean squared difference / 2) of standardised descriptors.

    ``one_scale``: all numbers of the descriptor are divided by one deviation, so that those that
    vary more count more; else each by its own.
    """

    def __init__(
        self, width: int, known: int, scores: int, strength: float, one_scale: bool
    ) -> None:
        super().__init__()
        self.strength, self.one_scale = strength, one_scale
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))
        self.register_buffer("known", torch.zeros(known, width))
        self.register_buffer("coefficients", torch.zeros(known, scores))

    @torch.no_grad()
    def fit(self, descriptors: Tensor, targets: Tensor) -> None:
        """Descriptors [N, width] of the training videos, targets [N, scores] of mean 0."""
        self.mean.copy_(descriptors.mean(0))
        deviation = descriptors.std(0, correction=0)
        if self.one_scale:
            deviation = deviation.square().mean().sqrt().expand_as(deviation)
        self.std.copy_(deviation.clamp_min((1e-4 * deviation.mean()).clamp_min(1e-6)))
        self.known.copy_(self._standard(descriptors))
        gram = self._similarities(self.known).double()
        eye = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        self.coefficients.copy_(torch.linalg.solve(gram + self.strength * eye, targets.double()))

    def forward(self, descriptors: Tensor) -> Tensor:
        """[N, width] -> [N, scores], about the mean of the training targets."""
        return self._similarities(self._standard(descriptors)) @ self.coefficients

    def _standard(self, descriptors: Tensor) -> Tensor:
        return (descriptors - self.mean) / (self.std * descriptors.shape[1] ** 0.5)

    def _similarities(self, standard: Tensor) -> Tensor:
        squares = standard.square().sum(1, keepdim=True) + self.known.square().sum(1)
        return torch.exp(-0.5 * (squares - 2 * standard @ self.known.T).clamp_min(0))
