"""The default model: points for every clip, which add up to the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aqa.models.clips.config import ClipModelConfig
from aqa.models.kind import ModelKind

if TYPE_CHECKING:
    from aqa.models.base import ModelInfo, ScoringModel


def _build(config: ClipModelConfig, channels: int, info: ModelInfo | None) -> ScoringModel:
    from aqa.models.clips.model import ClipModel

    return ClipModel(config, channels, info)


CLIPS = ModelKind(ClipModelConfig, _build, recipes=("fit",), learns_all_scores=True)

__all__ = ["CLIPS", "ClipModelConfig"]
