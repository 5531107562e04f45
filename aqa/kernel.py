"""Kernel ridge regression on one descriptor of whole videos, small enough to be shipped."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VideoKernel(nn.Module):
    """Radial basis kernel exp(-mean squared difference / 2) of standardised descriptors.

    The training descriptors are kept whole, or (``rank``) as their principal directions; the
    length of a descriptor is always that of the whole, so that what lies outside the directions
    still counts as distance.
    """

    def __init__(
        self, width: int, known: int, rank: int | None, scores: int, strength: float
    ) -> None:
        super().__init__()
        self.strength = strength
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))
        self.reduced = rank is not None
        if rank is not None:
            rank = min(rank, known, width)
            self.register_buffer("basis", torch.zeros(width, rank))
        self.register_buffer("known", torch.zeros(known, rank or width))
        self.register_buffer("squares", torch.zeros(known))
        self.register_buffer("coefficients", torch.zeros(known, scores))

    @torch.no_grad()
    def fit(self, descriptors: Tensor, targets: Tensor) -> None:
        """Descriptors [N, width] of the training videos, targets [N, scores] of mean 0."""
        self.mean.copy_(descriptors.mean(0))
        spread = descriptors.std(0, correction=0)
        self.std.copy_(spread.clamp_min(1e-4 * spread.mean().clamp_min(1e-6)))
        standard = self._standard(descriptors)
        if self.reduced:
            # The right singular vectors, through the smaller of the two Gram matrices.
            values, vectors = torch.linalg.eigh(standard @ standard.T)
            rank = self.basis.shape[1]
            lengths = values[-rank:].clamp_min(1e-12).sqrt()
            self.basis.copy_(standard.T @ (vectors[:, -rank:] / lengths))
        self.known.copy_(self._directed(standard))
        self.squares.copy_(standard.square().sum(1))
        gram = self._similarities(standard)
        eye = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        self.coefficients.copy_(torch.linalg.solve(gram + self.strength * eye, targets.double()))

    def forward(self, descriptors: Tensor) -> Tensor:
        """[N, width] -> [N, scores], about the mean of the training targets."""
        similarities = self._similarities(self._standard(descriptors))
        return (similarities @ self.coefficients.double()).float()

    def _standard(self, descriptors: Tensor) -> Tensor:
        width = descriptors.shape[1]
        return ((descriptors - self.mean) / (self.std * width**0.5)).double()

    def _directed(self, standard: Tensor) -> Tensor:
        return standard @ self.basis.double() if self.reduced else standard

    def _similarities(self, standard: Tensor) -> Tensor:
        products = self._directed(standard) @ self.known.double().T
        distances = standard.square().sum(1, keepdim=True) + self.squares.double() - 2 * products
        return torch.exp(-0.5 * distances.clamp_min(0))
