"""The one place that makes a model from its config."""

from __future__ import annotations

from aqa.assessment import ModelInfo, ScoringModel
from aqa.baselines import BaselineModel
from aqa.config import BASELINES, ModelConfig
from aqa.model import AssessmentModel


def build_model(config: ModelConfig, channels: int, info: ModelInfo | None = None) -> ScoringModel:
    """A model for features of ``channels`` columns; fresh weights come from torch's global
    generator."""
    kind = BaselineModel if isinstance(config, BASELINES) else AssessmentModel
    return kind(config, channels, info)
