"""``aqa-pipeline score``: a routine's clip features to a score and its reasons.

A feature file is a video without its first step: both give features, which are assessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aqa.checkpoints import check_origin, load_checkpoint
from aqa.data import Grid
from aqa.errors import AqaError
from aqa.models import ScoringModel, one_thread
from extractors.errors import ExtractorError
from pipeline.errors import Failure, UsageError, one_line
from pipeline.footage import Video, footage_remarks
from pipeline.scoring.explaining import explain
from pipeline.scoring.features import (
    FEATURE_SUFFIX,
    WHOLE_VIDEO,
    ClipFeatures,
    Part,
    stored_features,
)
from pipeline.scoring.result import ClipAssessment, Result, clip_times, equal_windows
from pipeline.workspace import Console, counted

if TYPE_CHECKING:
    from pipeline.scoring.videos import KeptFeatures

# Beyond these a video is called unlike the training videos.
CLIP_COUNT_MARGIN = 0.2
STRANGE = 1.2


@dataclass(frozen=True)
class Extraction:
    """How a scorer makes features of videos, where its checkpoint leaves a choice."""

    device: str
    cache: Path
    backbone: str | None = None  # None: the checkpoint's
    weights: str | None = None
    engine: str | None = None  # None: the quickest that there is


class Scorer:
    """A checkpoint, and what makes the features that it needs (built when a video comes)."""

    def __init__(self, checkpoint: Path, extraction: Extraction, console: Console) -> None:
        self.checkpoint = checkpoint
        with one_thread():
            self.model = load_checkpoint(checkpoint)
        self._extraction, self._console = extraction, console

    def prepare(self, items: Sequence[Video], part: Part) -> None:
        """Refuses, before any work, options and a backbone that cannot score these inputs."""
        videos = [item for item in items if item.path.suffix != FEATURE_SUFFIX]
        if part != WHOLE_VIDEO and len(videos) < len(items):
            raise UsageError(
                "--start, --end and --stream choose a part of a video: feature files have none"
            )
        if videos:
            check_origin(self.model.info, self._of_videos.origin, "features of the given backbone")

    def score(self, item: Video, part: Part = WHOLE_VIDEO) -> Result:
        """Scores a feature file, a video or a frame folder. Features of another origin than the
        checkpoint's are an AqaError."""
        if item.path.suffix == FEATURE_SUFFIX:
            features = stored_features(item.path, self.model.channels)
        else:
            features = self._of_videos.of(item, part)
        check_origin(self.model.info, features.origin, str(item.path))
        return self._assess(str(item.path), features)

    @cached_property
    def _of_videos(self) -> KeptFeatures:
        from pipeline.scoring.videos import KeptFeatures, spec_like  # a feature file needs none

        asked = self._extraction
        spec = spec_like(
            self.model.info.origin,
            self.checkpoint,
            backbone=asked.backbone,
            weights=asked.weights,
            device=asked.device,
            engine=asked.engine,
        )
        return KeptFeatures(spec, asked.cache, self._console)

    def _assess(self, name: str, features: ClipFeatures) -> Result:
        info, clips = self.model.info, features.clips
        grid = Grid.of_record(features.record, len(clips), name)
        assessment = self.model.assess(clips, grid)
        whole = len(clips) if grid is None else grid.clips
        origin = features.origin or info.origin
        starts, ends = clip_times(len(clips), origin, features.record)
        explained = explain(self.model, assessment, starts, ends)
        seen = self.model.assessed(whole)
        if not assessment.aligned:
            if grid is not None:
                starts, ends = (np.interp(range(whole), grid.positions, t) for t in (starts, ends))
            span = slice(seen.start, seen.stop)
            windows = len(assessment.clip_weights)
            starts, ends = equal_windows(starts[span], ends[span], windows)
        shares = zip(starts, ends, assessment.clip_scores, assessment.clip_weights, strict=True)
        return Result(
            video=name,
            score=float(assessment.score),
            score_name=info.score_name,
            score_range=tuple(info.score_range),
            clips=tuple(
                ClipAssessment(start, end, float(score), float(weight), assessment.aligned)
                for start, end, score, weight in shares
            ),
            checkpoint=str(self.checkpoint),
            features=origin,
            interval=self.model.interval(assessment.score),
            doubts=tuple(doubts(self.model, clips, whole)),
            origin_assumed=features.origin is None and info.origin is not None,
            left_out=left_out(seen, whole),
            footage=tuple(footage_remarks(features.record)),
            explained=explained,
        )


def left_out(seen: range, clips: int) -> str:
    """What is to be said where a model looks at clips ``seen`` of a video only."""
    if len(seen) == clips:
        return ""
    return (
        f"The model looks at {len(seen)} clips, those from {seen.start + 1} to {seen.stop} of the "
        f"video's {clips}: the others count for nothing."
    )


def doubts(model: ScoringModel, clips: np.ndarray, whole: int) -> list[str]:
    """What sets clip features [T, C], of a video of ``whole`` clips, apart from the training
    videos'."""
    found = []
    known = model.info.clip_counts
    if known and not known[0] * (1 - CLIP_COUNT_MARGIN) <= whole <= known[1] * (
        1 + CLIP_COUNT_MARGIN
    ):
        found.append(
            f"The video has {counted(whole, 'clip')}, the training videos had "
            f"{known[0]} to {known[1]}: the score is a guess."
        )
    if known := model.trained_on(clips):
        found.append(
            f"The model was trained on this video ({known}): it does better on it than on others."
        )
    times = model.strangeness(clips)
    if times > STRANGE:
        found.append(
            f"Its features are {times:.1f} times as far from the average training video as those "
            "of the furthest training video: the score is a guess."
        )
    return found


def score_all(
    scorer: Scorer, items: Sequence[Video], part: Part = WHOLE_VIDEO
) -> tuple[list[Result], list[Failure]]:
    """Every input scored or named with its reason; one that fails never stops the others."""
    results: list[Result] = []
    failures: list[Failure] = []
    for item in items:
        try:
            results.append(scorer.score(item, part))
        except (AqaError, ExtractorError, OSError) as error:
            failures.append(Failure(str(item.path), one_line(error)))
    return results, failures
