"""The kinds of models that there are, and the one place that makes a model from its config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aqa.errors import AqaError
from aqa.models import baselines, clips, published
from aqa.models.kind import ModelKind
from aqa.registers import Register
from aqa.sections import Section

if TYPE_CHECKING:
    from aqa.models.base import ModelInfo, ScoringModel

MODELS: Register[ModelKind] = Register(
    "model.kind", (clips.CLIPS, published.PUBLISHED, *baselines.BASELINES)
)


def register(model: ModelKind) -> None:
    """Adds a kind of model: configs may then name it; it is trained, saved and loaded as others."""
    MODELS.add(model)


def parse_section(content: dict[str, Any]) -> Section:
    """A config's or checkpoint's section ``model``; pydantic's ValidationError says what is wrong,
    AqaError names an unknown kind."""
    return MODELS.get(str(content.get("kind"))).section.model_validate(content)


def build_model(config: Section, channels: int, info: ModelInfo | None = None) -> ScoringModel:
    """A model for features of ``channels`` columns; fresh weights come from torch's global
    generator."""
    kind = MODELS.get(config.kind)
    if type(config) is not kind.section:
        raise AqaError(f"model.kind {kind.name} has other settings than {type(config).__name__}")
    return kind.build(config, channels, info)
