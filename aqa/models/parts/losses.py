"""What training minimises: named losses, whose sum is the loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aqa.config.experiment import HonestTraining, PaperTraining
from aqa.models.base import ModelOutput

# A correlation over fewer videos than this is 1 or -1 whatever they are.
_FEWEST = 3


def paper_losses(output: ModelOutput, targets: Tensor, config: PaperTraining) -> dict[str, Tensor]:
    """Squared error of the prediction, with the configured noise on it, and the attention loss,
    summed over the batch as published. Targets [B] are label / range."""
    prediction = output.score
    if config.prediction_noise:
        prediction = prediction + config.prediction_noise * torch.randn_like(prediction)
    return {
        "score": F.mse_loss(prediction, targets),
        "attention": config.attention_loss * output.attention_loss,
    }


def agreement_losses(
    predicted: Tensor, targets: Tensor, recipe: HonestTraining
) -> dict[str, Tensor]:
    """Squared error, and 1 - Pearson's correlation over the batch.

    Both sides [M, B, S] (members, videos, scores) in deviations of the training scores; each loss
    is [M, S].
    """
    losses = {"score": recipe.score_loss * (predicted - targets).square().mean(1)}
    if recipe.correlation_loss and targets.shape[1] >= _FEWEST:
        centred = [values - values.mean(1, keepdim=True) for values in (predicted, targets)]
        correlation = F.cosine_similarity(*centred, dim=1)
        losses["correlation"] = recipe.correlation_loss * (1 - correlation)
    return losses
