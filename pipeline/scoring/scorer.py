"""``aqa-pipeline score``: a routine's clip features to its scores and their reasons.

A feature file is a video without its first step: both give features, which are assessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.checkpoints import check_origin, load_checkpoint
from aqa.errors import AqaError
from aqa.models import ScoringModel, one_thread
from extractors.errors import ExtractorError
from pipeline.errors import Failure, UsageError, one_line
from pipeline.footage import Video
from pipeline.scoring.assessing import assess
from pipeline.scoring.ensemble import mean_of
from pipeline.scoring.features import (
    FEATURE_SUFFIX,
    WHOLE_VIDEO,
    ClipFeatures,
    Part,
    stored_features,
)
from pipeline.scoring.result import Result
from pipeline.workspace import Console

if TYPE_CHECKING:
    from pipeline.scoring.videos import KeptFeatures


@dataclass(frozen=True)
class Extraction:
    """How a scorer makes features of videos, where its checkpoint leaves a choice."""

    device: str
    cache: Path
    backbone: str | None = None  # None: the checkpoint's
    weights: str | None = None
    engine: str | None = None  # None: the quickest that there is


class Scorer:
    """Checkpoints, and what makes the features that they need (built when a video comes).

    Those of one score are an ensemble; others give a result each, in the order given. All look at
    the same features, which are made once. UsageError for checkpoints that do not go together.
    """

    def __init__(
        self, checkpoints: Sequence[Path], extraction: Extraction, console: Console
    ) -> None:
        with one_thread():
            self._members = [(path, load_checkpoint(path)) for path in checkpoints]
        self._extraction, self._console = extraction, console
        _require_one_kind(self._members)

    @property
    def first(self) -> tuple[Path, ScoringModel]:
        """What says which features all of them need."""
        return self._members[0]

    @property
    def score_names(self) -> list[str]:
        """In the order of the results of a video."""
        return list(dict.fromkeys(model.info.score_name for _, model in self._members))

    def prepare(self, items: Sequence[Video], parts: Sequence[Part]) -> None:
        """Refuses, before any work, options and a backbone that cannot score these inputs."""
        videos = [item for item in items if item.path.suffix != FEATURE_SUFFIX]
        if any(part != WHOLE_VIDEO for part in parts) and len(videos) < len(items):
            raise UsageError(
                "--start, --end and --stream choose a part of a video: feature files have none"
            )
        if videos:
            made = self._of_videos.origin
            for _, model in self._members:
                check_origin(model.info, made, "features of the given backbone")

    def score(self, item: Video, part: Part = WHOLE_VIDEO) -> list[Result]:
        """Scores a feature file, a video or a frame folder: a result for each score. Features of
        another origin than a checkpoint's are an AqaError."""
        if item.path.suffix == FEATURE_SUFFIX:
            features = stored_features(item.path, self._members[0][1].channels)
        else:
            features = self._of_videos.of(item, part)
        return self.assess(features, str(item.path))

    def assess(self, features: ClipFeatures, name: str) -> list[Result]:
        """As ``score``, of features that are there. ``name``: what the results call the video."""
        of_score: dict[str, list[Result]] = {}
        for path, model in self._members:
            of_score.setdefault(model.info.score_name, []).append(
                assess(model, path, name, features)
            )
        return [mean_of(results) for results in of_score.values()]

    @cached_property
    def _of_videos(self) -> KeptFeatures:
        from pipeline.scoring.videos import KeptFeatures, spec_like  # a feature file needs none

        asked, (checkpoint, model) = self._extraction, self.first
        spec = spec_like(
            model.info.origin,
            checkpoint,
            backbone=asked.backbone,
            weights=asked.weights,
            device=asked.device,
            engine=asked.engine,
        )
        return KeptFeatures(spec, asked.cache, self._console)


def _require_one_kind(members: Sequence[tuple[Path, ScoringModel]]) -> None:
    """Of features all of them; of its scale and of what is weighed those of one score."""
    first_path, first = members[0]
    ranges: dict[str, tuple[Path, ScoringModel]] = {}
    for path, model in members[1:]:
        if first.channels != model.channels:
            raise UsageError(
                f"{path} scores features of {model.channels} channels, {first_path} of "
                f"{first.channels}: score with one after the other"
            )
        check_origin(first.info, model.info.origin, f"features that {path} was trained on")
    for path, model in members:
        other_path, other = ranges.setdefault(model.info.score_name, (path, model))
        if model.info.score_range != other.info.score_range or model.aligned != other.aligned:
            raise UsageError(
                f"no ensemble: {other_path} and {path} both score {model.info.score_name}, but "
                "on different scales, or one of them weighs queries and not clips"
            )


def score_all(
    scorer: Scorer, items: Sequence[Video], parts: Sequence[Part]
) -> tuple[list[Result], list[Failure]]:
    """Of every input its part scored, or named with its reason; one that fails never stops the
    others."""
    results: list[Result] = []
    failures: list[Failure] = []
    for item, part in zip(items, parts, strict=True):
        try:
            results += scorer.score(item, part)
        except (AqaError, ExtractorError, OSError) as error:
            failures.append(Failure(str(item.path), one_line(error)))
    return results, failures
