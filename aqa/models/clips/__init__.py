"""The default model: a weight and a score per clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aqa.models.clips.config import ClipModelConfig
from aqa.models.kind import ModelKind

if TYPE_CHECKING:
    from aqa.models.base import ModelInfo, ScoringModel


def _build(config: ClipModelConfig, channels: int, info: ModelInfo | None) -> ScoringModel:
    from aqa.models.clips.model import ClipModel

    return ClipModel(config, channels, info)


CLIPS = ModelKind(ClipModelConfig, _build, recipes=("honest",), learns_all_scores=True)

__all__ = ["CLIPS", "ClipModelConfig"]
