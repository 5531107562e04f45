"""What is known of a kind of model before any network is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aqa.sections import Section

if TYPE_CHECKING:
    from aqa.models.base import ModelInfo, ScoringModel


@dataclass(frozen=True)
class ModelKind:
    """One kind of model.

    section           its settings: a Section whose field ``kind`` is a Literal of the name.
    build             (settings, channels, info) -> the model; imports torch when it is called.
    recipes           that train it (``training.recipe``), the usual one first.
    learns_all_scores whether it learns the data set's ``all_scores`` together.
    """

    section: type[Section]
    build: Callable[[Any, int, ModelInfo | None], ScoringModel]
    recipes: tuple[str, ...] = ("honest",)
    learns_all_scores: bool = False

    @property
    def name(self) -> str:
        return self.section.model_fields["kind"].default
