"""Several checkpoints of one score as one: the mean of what they say of a routine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aqa.errors import AqaError
from pipeline.scoring.result import ClipAssessment, Contribution, Explained, Result


def mean_of(results: Sequence[Result]) -> Result:
    """Score, interval, clips and contributions averaged, so that these still add up; what one of
    them cannot say the mean does not say. The interval is as wide as theirs are on average, though
    their mean errs no more than they. AqaError where their clips are not the same."""
    first, *others = results
    if not others:
        return first
    if len({(len(each.clips), each.clips[0].aligned) for each in results}) > 1:
        raise AqaError(
            f"{first.video}: no ensemble: {_names(results)} do not weigh the same parts of it"
        )
    return replace(
        first,
        score=_mean(results, lambda each: each.score),
        clips=tuple(_clip(clips) for clips in zip(*(each.clips for each in results), strict=True)),
        checkpoint=_names(results),
        interval=_known([each.interval for each in results]),
        doubts=tuple(dict.fromkeys(line for each in results for line in each.doubts)),
        origin_assumed=any(each.origin_assumed for each in results),
        explained=_explained([each.explained for each in results]),
        training_scores=first.training_scores
        if len({each.training_scores for each in results}) == 1
        else None,
        pair_width=_known([each.pair_width for each in results]),
    )


def _names(results: Sequence[Result]) -> str:
    return " + ".join(each.checkpoint for each in results)


def _mean(parts: Sequence[Any], of: Callable[[Any], float]) -> float:
    return float(np.mean([of(part) for part in parts]))


def _clip(clips: Sequence[ClipAssessment]) -> ClipAssessment:
    """The mean weight, and the score that with it gives the mean of weight x score."""
    weight = _mean(clips, lambda clip: clip.weight)
    product = _mean(clips, lambda clip: clip.weight * clip.score)
    score = product / weight if weight else _mean(clips, lambda clip: clip.score)
    return replace(clips[0], weight=weight, score=score)


def _explained(members: Sequence[Explained | None]) -> Explained | None:
    if None in members:
        return None
    first = members[0]
    shared = [
        named
        for named in zip(*(member.phases for member in members), strict=False)
        if len({phase.name for phase in named}) == 1
    ]
    return replace(
        first,
        baseline=_mean(members, lambda member: member.baseline),
        contributions=tuple(
            _contribution(parts)
            for parts in zip(*(member.contributions for member in members), strict=True)
        ),
        phases=tuple(
            replace(named[0], points=_mean(named, lambda phase: phase.points)) for named in shared
        ),
        baseline_above_mean=_known([member.baseline_above_mean for member in members]),
        percentiles=_known([member.percentiles for member in members]),
        typical=_known([member.typical for member in members]),
    )


def _contribution(parts: Sequence[Contribution]) -> Contribution:
    points = _mean(parts, lambda part: part.points)
    if any(part.low is None for part in parts):
        return replace(parts[0], points=points, low=None, high=None, sure=None)
    low, high = np.mean([(part.low, part.high) for part in parts], axis=0).tolist()
    return replace(parts[0], points=points, low=low, high=high, sure=low > 0 or high < 0)


def _known(values: Sequence[Any]) -> Any:
    """The mean of numbers or of equally long rows of them; None where one is unknown."""
    if any(value is None for value in values):
        return None
    mean = np.mean(values, axis=0)
    return tuple(mean.tolist()) if mean.ndim else float(mean)
