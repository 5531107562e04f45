"""Losses on scores."""

from __future__ import annotations

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

# A correlation over fewer videos than this is 1 or -1 whatever they are.
_FEWEST = 3


class ScoreWeights(Protocol):
    """How much each loss counts."""

    @property
    def score_loss(self) -> float: ...

    @property
    def correlation_loss(self) -> float: ...


def agreement_losses(
    predicted: Tensor, targets: Tensor, weights: ScoreWeights
) -> dict[str, Tensor]:
    """Squared error, and 1 - Pearson's correlation over the batch.

    Both sides [M, B, S] (members, videos, scores) in deviations of the training scores; each loss
    is [M, S].
    """
    losses = {"score": weights.score_loss * (predicted - targets).square().mean(1)}
    if weights.correlation_loss and targets.shape[1] >= _FEWEST:
        centred = [values - values.mean(1, keepdim=True) for values in (predicted, targets)]
        correlation = F.cosine_similarity(*centred, dim=1)
        losses["correlation"] = weights.correlation_loss * (1 - correlation)
    return losses
