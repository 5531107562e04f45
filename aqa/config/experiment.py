"""One experiment: data set, declared feature origin, model and training recipe.

A section's keys, defaults and descriptions stand beside what they are of: ``aqa/data/config.py``,
``aqa/models/<kind>/config.py``, ``aqa/config/training.py``.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from aqa.config.training import FitTraining, TrainingConfig
from aqa.data import DATASETS, DatasetConfig, FeaturesConfig
from aqa.errors import AqaError
from aqa.models import MODELS, ClipModelConfig, parse_section
from aqa.sections import Section


class ExperimentConfig(Section):
    """The whole config. ``model`` is the section of one of the registered kinds."""

    name: str = Field("experiment", description="of the run folder and of the plots")
    dataset: DatasetConfig = Field(description="which labels and features")
    features: FeaturesConfig | None = Field(
        None,
        description="the declared origin of features that have no provenance.json of their own",
    )
    model: SerializeAsAny[Section] = Field(ClipModelConfig(), description="what is trained")
    training: Annotated[TrainingConfig, Field(discriminator="recipe")] = Field(
        FitTraining(), description="how it is trained"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_choices(cls, content: Any) -> Any:
        """Name the two choices that may be left out, and what the data set says about the rest."""
        if not isinstance(content, dict):
            return content
        model = content.get("model") or {}
        training = content.get("training") or {}
        if not (isinstance(model, dict) and isinstance(training, dict)):
            return content
        usual = "clips" if training.get("recipe", "fit") == "fit" else "published"
        model = {"kind": usual, **model}
        try:
            training = {"recipe": MODELS.get(str(model["kind"])).recipes[0], **training}
        except AqaError:  # the section's own check says what there is
            training = {"recipe": "fit", **training}
        for section, values in _from_dataset(content.get("dataset"), model, training).items():
            target = model if section == "model" else training
            for key, value in values.items():
                target.setdefault(key, value)
        return {**content, "model": model, "training": training}

    @field_validator("model", mode="before")
    @classmethod
    def _of_its_kind(cls, content: Any) -> Any:
        """The section that the register has for ``kind``."""
        if not isinstance(content, dict):
            return content
        try:
            return parse_section(content)
        except AqaError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _consistent(self) -> ExperimentConfig:
        recipe, kind = self.training.recipe, MODELS.get(self.model.kind)
        if recipe not in kind.recipes:
            raise ValueError(
                f"training.recipe {recipe} does not train model.kind {kind.name}: its recipes are "
                f"{', '.join(kind.recipes)}"
            )
        return self


def _from_dataset(dataset: Any, model: dict, training: dict) -> dict[str, dict[str, Any]]:
    """What the data set declares of these sections: its published settings for the paper recipe,
    sizes that fit its clips for the default model."""
    try:
        kind = DATASETS.get(dataset["kind"])
    except (AqaError, KeyError, TypeError):  # the section's own check says what is wrong
        return {}
    if training["recipe"] == "paper":
        published = dict(kind.paper)
        if model["kind"] != "published":
            published.pop("model", None)
        return published
    if (model["kind"], training["recipe"]) == ("clips", "fit"):
        return dict(kind.sizes)
    return {}
