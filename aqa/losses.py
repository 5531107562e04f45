"""What training minimises: named losses, whose sum is the loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aqa.assessment import ModelOutput
from aqa.config import HonestTraining, PaperTraining


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


def honest_losses(
    output: ModelOutput, targets: Tensor, config: HonestTraining, target_std: float
) -> dict[str, Tensor]:
    """Squared error in variances of the training scores, 1 - Pearson's correlation within the
    batch, and the attention loss per video. Targets [B] are label / range."""
    losses = {
        "score": config.score_loss * F.mse_loss(output.score, targets) / target_std**2,
        "attention": config.attention_loss * output.attention_loss / len(targets),
    }
    if config.correlation_loss and len(targets) > 2:
        correlation = F.cosine_similarity(
            output.score - output.score.mean(), targets - targets.mean(), dim=0
        )
        losses["correlation"] = config.correlation_loss * (1 - correlation)
    return losses
