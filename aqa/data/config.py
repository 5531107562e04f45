"""The sections of a config that say which data: labels, features, and where they come from."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, field_validator, model_validator

from aqa.data.kind import DatasetKind
from aqa.data.registry import DATASETS
from aqa.errors import AqaError
from aqa.sections import Section


class DatasetConfig(Section):
    """Which labels and features. Paths are relative to the data root unless absolute."""

    kind: str = Field(description="csv is any table of your own scores")
    score: str | None = Field(
        None,
        description="what to learn; csv: how to call it; null: the usual one",
    )
    all_scores: tuple[str, ...] = Field(
        (),
        description="scores that are learned together (model.kind clips)",
        validation_alias=AliasChoices("all_scores", "jointly"),  # as older configs have it
    )
    apparatus: str | None = Field(None, description="of a data set whose parts are trained apart")
    features: Path | None = Field(
        None, description="folder of feature files; null: as --features says, or the usual layout"
    )
    labels: Path | None = Field(
        None, description="label file or its folder; null: as --labels says, or the usual layout"
    )
    score_range: tuple[float, float] | None = Field(
        None, description="[lowest, highest] score; null: of the data set, or of the labels"
    )
    parts: dict[str, tuple[float, float]] = Field(
        {}, description="named parts of a routine, [from, to] as shares of it, summed up by score"
    )

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        try:
            DATASETS.get(kind)
        except AqaError as error:
            raise ValueError(str(error)) from None
        return kind

    @model_validator(mode="after")
    def _consistent(self) -> DatasetConfig:
        allowed = self.known.scores
        if allowed and self.score is not None and self.score not in allowed:
            raise ValueError(f"score {self.score!r}: {self.kind} has {', '.join(allowed)}")
        if set(self.all_scores) - set(allowed):
            there = ", ".join(allowed) or "one"
            raise ValueError(f"all_scores {list(self.all_scores)}: {self.kind} has {there}")
        if self.all_scores and self.score_name not in self.all_scores:
            raise ValueError(
                f"all_scores {list(self.all_scores)} lacks the score {self.score_name}"
            )
        self._check_apparatus()
        for name, (begin, end) in self.parts.items():
            if not 0 <= begin < end <= 1:
                raise ValueError(f"parts: {name} is [{begin}, {end}], expected 0 <= from < to <= 1")
        if self.score_range and not self.score_range[0] < self.score_range[1]:
            raise ValueError(f"score_range {list(self.score_range)}: expected [lowest, highest]")
        return self

    def _check_apparatus(self) -> None:
        there = self.known.apparatus
        if there and self.apparatus not in there:
            given = "missing" if self.apparatus is None else repr(self.apparatus)
            raise ValueError(f"apparatus {given}: {self.kind} has {', '.join(there)}")
        if self.apparatus is not None and not there:
            raise ValueError(f"apparatus {self.apparatus!r}: {self.kind} has none")

    @property
    def known(self) -> DatasetKind:
        """What the register says of this kind."""
        return DATASETS.get(self.kind)

    @property
    def score_name(self) -> str:
        return self.score or self.known.usual_score


class FeaturesConfig(Section):
    """The declared origin of features that have no provenance of their own."""

    backbone: str = Field(description="network that made the features")
    weights: str = Field(description="its weights, by name")
    weights_digest: str | None = Field(None, description="and by SHA-256, where it is known")
    protocol: str = Field(description="how clips were cut from the videos")
