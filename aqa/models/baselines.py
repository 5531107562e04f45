"""What a model must beat: the mean score, ridge and kernel ridge regression on pooled clips.

They see a video as a few segments, each the mean of its clips, and know nothing of single clips:
their assessment is one entry that covers the whole video. ``aqa.training.fit`` solves them.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from aqa.config.experiment import BaselineConfig, KernelRidgeConfig, MeanConfig, RidgeConfig
from aqa.models.base import ModelInfo, ScoringModel


class BaselineModel(ScoringModel):
    aligned = False

    def __init__(
        self, config: BaselineConfig, channels: int, info: ModelInfo | None = None
    ) -> None:
        super().__init__(config, channels, info)
        pooled = channels * getattr(config, "segments", 1)
        known = (self.info.training_videos or 0) if isinstance(config, KernelRidgeConfig) else 0
        self.register_buffer("bias", torch.zeros(()))
        self.register_buffer("pooled_mean", torch.zeros(pooled))
        self.register_buffer("pooled_std", torch.ones(pooled))
        self.register_buffer("known", torch.zeros(known, pooled))
        self.register_buffer("coefficients", torch.zeros(known or pooled))

    def weigh(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones(1), self.score(clips.to(self.bias.device)).reshape(1)

    def score(self, clips: Tensor) -> Tensor:
        """Clips [T, C] -> scalar, in units of the score range."""
        if isinstance(self.config, MeanConfig):
            return self.bias
        pooled = (pool(clips, self.config.segments) - self.pooled_mean) / self.pooled_std
        if isinstance(self.config, RidgeConfig):
            return pooled @ self.coefficients + self.bias
        distances = (self.known - pooled).square().mean(1)
        return torch.exp(-self.config.gamma * distances) @ self.coefficients + self.bias


def pool(clips: Tensor, segments: int) -> Tensor:
    """[T, C] -> [segments * C]: the means of equal parts; with T < segments parts share clips."""
    starts = [part * len(clips) // segments for part in range(segments + 1)]
    parts = [clips[low : max(high, low + 1)] for low, high in itertools.pairwise(starts)]
    return torch.cat([part.mean(0) for part in parts])
