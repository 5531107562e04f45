"""Predictions against true scores, in score units. Deterministic; nothing is chosen here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from aqa import metrics
from aqa.datasets import Example
from aqa.errors import AqaError, listing
from aqa.features import read_features
from aqa.model import AssessmentModel


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
    def of(cls, ids: Sequence[str], predicted: Sequence[float], true: Sequence[float]) -> Any:
        return cls(
            ids=tuple(ids),
            predicted=tuple(map(float, predicted)),
            true=tuple(map(float, true)),
            spearman=metrics.spearman(predicted, true),
            relative_l2=metrics.relative_l2(predicted, true),
            kendall=metrics.kendall(predicted, true),
            mean_absolute_error=metrics.mean_absolute_error(predicted, true),
            spearman_interval=bootstrap_interval([(predicted, true)]),
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(
    models: AssessmentModel | Sequence[AssessmentModel], examples: Sequence[Example]
) -> Evaluation:
    """Score every example; several models are an ensemble, whose scores are averaged.

    All feature files that cannot be scored are named in one AqaError.
    """
    ensemble = [models] if isinstance(models, AssessmentModel) else list(models)
    if not ensemble or not examples:
        raise AqaError("an evaluation needs at least one model and one video")
    predicted, problems = [], []
    for example in examples:
        try:
            features = read_features(example.features_path, ensemble[0].channels)
            predicted.append(np.mean([model.assess(features).score for model in ensemble]))
        except AqaError as error:
            problems.append(str(error))
    if problems:
        raise AqaError(listing(problems))
    return Evaluation.of([e.id for e in examples], predicted, [e.score for e in examples])


def bootstrap_interval(
    groups: Sequence[tuple[Sequence[float], Sequence[float]]], replicates: int = 1000
) -> tuple[float, float]:
    """95 % interval of the mean Spearman correlation over groups of (predicted, true).

    Videos are drawn with replacement within each group (a fold), with a fixed seed.
    """
    generator = np.random.default_rng(0)
    means = np.zeros(replicates)
    for predicted, true in groups:
        pair = np.asarray([predicted, true], dtype=np.float64)
        drawn = pair[:, generator.integers(0, pair.shape[1], (replicates, pair.shape[1]))]
        ranks = stats.rankdata(drawn, axis=2)
        ranks -= ranks.mean(axis=2, keepdims=True)
        with np.errstate(invalid="ignore"):  # a draw of one video only has no correlation
            first, second = ranks
            norm = np.sqrt((first**2).sum(1) * (second**2).sum(1))
            means += (first * second).sum(1) / norm / len(groups)
    if not np.isfinite(means).any():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)
