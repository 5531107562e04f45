"""The published model (BMVC 2024): a weight and a score per query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from aqa.models.kind import ModelKind
from aqa.models.published.config import PublishedModelConfig

if TYPE_CHECKING:
    from aqa.models.base import ModelInfo, ScoringModel


def _build(config: PublishedModelConfig, channels: int, info: ModelInfo | None) -> ScoringModel:
    from aqa.models.published.model import PublishedModel

    return PublishedModel(config, channels, info)


PUBLISHED = ModelKind(PublishedModelConfig, _build, recipes=("honest", "paper"))

# They need torch.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__, submod_attrs={"decoder": ["sinusoids"], "model": ["PublishedModel"]}
)
__all__ = ["PUBLISHED", "PublishedModel", "PublishedModelConfig", "sinusoids"]
