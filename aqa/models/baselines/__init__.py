"""What a model must beat: the mean score, ridge and kernel ridge regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aqa.models.baselines.config import BaselineConfig, KernelRidgeConfig, MeanConfig, RidgeConfig
from aqa.models.kind import ModelKind

if TYPE_CHECKING:
    from aqa.models.base import ModelInfo, ScoringModel


def _build(config: BaselineConfig, channels: int, info: ModelInfo | None) -> ScoringModel:
    from aqa.models.baselines.model import BaselineModel

    return BaselineModel(config, channels, info)


BASELINES = tuple(
    ModelKind(section, _build, recipes=("fit",))
    for section in (MeanConfig, RidgeConfig, KernelRidgeConfig)
)

__all__ = ["BASELINES", "KernelRidgeConfig", "MeanConfig", "RidgeConfig"]
