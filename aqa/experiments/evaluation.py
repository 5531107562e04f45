"""Predictions against true scores, in score units. Deterministic; nothing is chosen here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from aqa import metrics
from aqa.data import Example
from aqa.errors import AqaError, listing
from aqa.models import ScoringModel


@dataclass(frozen=True)
class Evaluation:
    """Metrics over ``ids``; ``predicted`` and ``true`` are in score units, in the same order."""

    ids: tuple[str, ...]
    predicted: tuple[float, ...]
    true: tuple[float, ...]
    spearman: float
    relative_l2: float  # not times 100
    kendall: float
    mean_absolute_error: float
    spearman_interval: tuple[float, float]  # 95 %, bootstrap over the videos

    @classmethod
    def of(
        cls, ids: Sequence[str], predicted: Sequence[float], true: Sequence[float]
    ) -> Evaluation:
        return cls(
            ids=tuple(ids),
            predicted=tuple(map(float, predicted)),
            true=tuple(map(float, true)),
            spearman=metrics.spearman(predicted, true),
            relative_l2=metrics.relative_l2(predicted, true),
            kendall=metrics.kendall(predicted, true),
            mean_absolute_error=metrics.mean_absolute_error(predicted, true),
            spearman_interval=bootstrap_interval([([predicted], true)]),
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(
    models: ScoringModel | Sequence[ScoringModel], examples: Sequence[Example]
) -> Evaluation:
    """Score every example; several models are an ensemble, whose scores are averaged."""
    ensemble, _ = evaluate_each([models] if isinstance(models, ScoringModel) else models, examples)
    return ensemble


def evaluate_each(
    models: Sequence[ScoringModel], examples: Sequence[Example]
) -> tuple[Evaluation, list[Evaluation]]:
    """The evaluation of the models' mean score, and that of each model.

    All feature files that cannot be scored are named in one AqaError.
    """
    if not models or not examples:
        raise AqaError("an evaluation needs at least one model and one video")
    predicted, problems = [], []
    for example in examples:
        try:
            features, grid = example.read(models[0].channels)
            predicted.append([model.score_of(features, grid) for model in models])
        except AqaError as error:
            problems.append(str(error))
    if problems:
        raise AqaError(listing(problems))
    scores = np.array(predicted)  # [videos, models]
    ids, true = [example.id for example in examples], [example.score for example in examples]
    return (
        Evaluation.of(ids, scores.mean(1), true),
        [Evaluation.of(ids, column, true) for column in scores.T],
    )


def bootstrap_interval(
    groups: Sequence[tuple[Sequence[Sequence[float]], Sequence[float]]], replicates: int = 1000
) -> tuple[float, float]:
    """95 % interval of the mean Spearman correlation over groups of (predictions, true).

    A group is a fold; its predictions [seeds][videos] are of the same videos, which are drawn
    with replacement, once for all seeds, with a fixed seed.
    """
    generator = np.random.default_rng(0)
    means = np.zeros(replicates)
    for predictions, true in groups:
        scores = np.asarray([*predictions, true], dtype=np.float64)  # [seeds + 1, videos]
        drawn = scores[:, generator.integers(0, scores.shape[1], (replicates, scores.shape[1]))]
        ranks = stats.rankdata(drawn, axis=2)
        ranks -= ranks.mean(axis=2, keepdims=True)
        norms = np.sqrt((ranks**2).sum(2))  # [seeds + 1, replicates]
        with np.errstate(invalid="ignore"):  # a draw of one video only has no correlation
            correlations = (ranks[:-1] * ranks[-1]).sum(2) / (norms[:-1] * norms[-1])
        means += correlations.mean(0) / len(groups)
    if not np.isfinite(means).any():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)
