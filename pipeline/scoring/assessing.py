"""The clip features of a routine to a result, by one checkpoint's model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aqa.checkpoints import check_origin
from aqa.data import Grid
from aqa.models import Certainty, ScoringModel
from pipeline.footage import footage_remarks
from pipeline.scoring.explaining import explain
from pipeline.scoring.features import ClipFeatures
from pipeline.scoring.result import ClipAssessment, Result, clip_times, equal_windows
from pipeline.workspace import counted

# Beyond these a video is called unlike the training videos.
CLIP_COUNT_MARGIN = 0.2
STRANGE = 1.2


def assess(model: ScoringModel, checkpoint: Path, name: str, features: ClipFeatures) -> Result:
    """AqaError for features of another origin than the checkpoint's."""
    info, clips = model.info, features.clips
    check_origin(info, features.origin, name)
    grid = Grid.of_record(features.record, len(clips), name)
    assessment = model.assess(clips, grid)
    whole = len(clips) if grid is None else grid.clips
    origin = features.origin or info.origin
    starts, ends = clip_times(len(clips), origin, features.record)
    explained = explain(model, assessment, starts, ends)
    seen, certainty = model.assessed(whole), Certainty.of(info)
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
        checkpoint=str(checkpoint),
        features=origin,
        interval=model.interval(assessment.score),
        doubts=tuple(doubts(model, clips, whole)),
        origin_assumed=features.origin is None and info.origin is not None,
        left_out=left_out(seen, whole),
        footage=tuple(footage_remarks(features.record)),
        explained=explained,
        training_scores=tuple(certainty.scores) if certainty else None,
        fps=(features.record or {}).get("fps"),
        versions=(features.record or {}).get("versions"),
        pair_width=certainty.pair_width if certainty else None,
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
