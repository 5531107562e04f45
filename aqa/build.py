"""The one place that makes a model from its config."""

from __future__ import annotations

from aqa.assessment import ModelInfo, ScoringModel
from aqa.baselines import BaselineModel
from aqa.clip_model import ClipModel
from aqa.config import BASELINES, ModelConfig, PublishedModelConfig
from aqa.published import PublishedModel


def build_model(config: ModelConfig, channels: int, info: ModelInfo | None = None) -> ScoringModel:
    """A model for features of ``channels`` columns; fresh weights come from torch's global
    generator."""
    if isinstance(config, BASELINES):
        return BaselineModel(config, channels, info)
    if isinstance(config, PublishedModelConfig):
        return PublishedModel(config, channels, info)
    return ClipModel(config, channels, info)
