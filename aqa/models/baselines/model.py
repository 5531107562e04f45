"""Baselines. They see a video as a few segments, each the mean of its clips, and know nothing of
single clips: their assessment is one entry that covers the whole video."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aqa.data import Videos
from aqa.models.base import LossWeights, ModelInfo, ScoringModel
from aqa.models.baselines.config import BaselineConfig, KernelRidgeConfig, MeanConfig, RidgeConfig
from aqa.models.parts import segment_means

# Ridge chooses among these strengths on the training videos, each left out once.
_STRENGTHS = np.logspace(1, 7, 25)


class BaselineModel(ScoringModel):
    """Solved in one step by scikit-learn."""

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
        return self.bias.new_ones(1), self._score(clips.to(self.bias.device)).reshape(1)

    @torch.no_grad()
    def prepare(self, videos: Videos) -> Videos:
        """Solves on the training videos; nothing is left to learn."""
        targets = videos.targets.cpu().double().numpy()
        self.bias.fill_(float(targets.mean()))
        if not isinstance(self.config, MeanConfig):
            clips = videos.per_video()
            pooled = torch.stack([segment_means(each, self.config.segments) for each in clips])
            self.pooled_mean.copy_(pooled.mean(0))
            self.pooled_std.copy_(pooled.std(0, correction=0).clamp_min(1e-6))
            standard = (pooled - self.pooled_mean) / self.pooled_std
            self.coefficients.copy_(_solve(self.config, standard, targets - targets.mean()))
            if isinstance(self.config, KernelRidgeConfig):
                self.known.copy_(standard)
        return videos

    def training_losses(
        self, inputs: Tensor, lengths: Tensor, targets: Tensor, loss_weights: LossWeights
    ) -> dict[str, Tensor]:
        return {}

    def _score(self, clips: Tensor) -> Tensor:
        """Clips [T, C] -> scalar, in units of the score range."""
        return self.score_of_means(segment_means(clips, getattr(self.config, "segments", 1)))

    def score_of_means(self, pooled: Tensor) -> Tensor:
        """Of the segments' means, [segments * C]."""
        if isinstance(self.config, MeanConfig):
            return self.bias
        pooled = (pooled - self.pooled_mean) / self.pooled_std
        if isinstance(self.config, RidgeConfig):
            return pooled @ self.coefficients + self.bias
        distances = (self.known - pooled).square().mean(1)
        return torch.exp(-self.config.gamma * distances) @ self.coefficients + self.bias


def _solve(config: RidgeConfig | KernelRidgeConfig, pooled: Tensor, targets: np.ndarray) -> Tensor:
    """Coefficients of the pooled channels, or of the training videos."""
    inputs = pooled.cpu().double().numpy()
    if isinstance(config, RidgeConfig):
        from sklearn.linear_model import RidgeCV

        return torch.from_numpy(RidgeCV(_STRENGTHS, fit_intercept=False).fit(inputs, targets).coef_)
    from sklearn.kernel_ridge import KernelRidge

    # The mean, not the sum, of squared differences: gamma means the same for every width.
    solver = KernelRidge(
        alpha=config.regularisation, kernel="rbf", gamma=config.gamma / inputs.shape[1]
    )
    return torch.from_numpy(solver.fit(inputs, targets).dual_coef_)
