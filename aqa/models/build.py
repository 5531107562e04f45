"""The one place that makes a model from its config."""

from __future__ import annotations

from aqa.config.experiment import BASELINES, ModelConfig, PublishedModelConfig
from aqa.models.base import ModelInfo, ScoringModel
from aqa.models.baselines import BaselineModel
from aqa.models.clips.model import ClipModel
from aqa.models.published.model import PublishedModel


def build_model(config: ModelConfig, channels: int, info: ModelInfo | None = None) -> ScoringModel:
    """A model for features of ``channels`` columns; fresh weights come from torch's global
    generator."""
    if isinstance(config, BASELINES):
        return BaselineModel(config, channels, info)
    if isinstance(config, PublishedModelConfig):
        return PublishedModel(config, channels, info)
    return ClipModel(config, channels, info)
