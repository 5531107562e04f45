"""Blocks of clips that the average routine's replace, or that are removed: what contributions said
that this would do to the score, against what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.faithfulness.explainers import Explainer
from aqa.faithfulness.watching import Watch, unwatched, watched
from aqa.models import ScoringModel

LENGTHS = (5, 10, 20)
SHARES = tuple(np.linspace(0, 1, 11).tolist())


@dataclass(frozen=True)
class Agreement:
    """Of predicted with actual changes in points: Pearson's correlation, and the slope of the
    predicted ones on the actual ones (1: a point said is a point seen)."""

    correlation: float
    slope: float
    blocks: int
    deviation: float  # of the actual changes

    @classmethod
    def of(cls, pairs: np.ndarray) -> Agreement:
        """From [n, 2]: predicted, actual."""
        predicted, actual = pairs.T
        if len(pairs) < 3 or actual.std() == 0 or predicted.std() == 0:
            return cls(float("nan"), float("nan"), len(pairs), float("nan"))
        spread = actual.std()
        correlation = float(np.corrcoef(predicted, actual)[0, 1])
        return cls(correlation, float(correlation * predicted.std() / spread), len(pairs),
                   float(spread))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Blocks:
    """By length of the blocks: [n, 2] of predicted and actual changes, replaced and removed."""

    replaced: dict[int, np.ndarray]
    removed: dict[int, np.ndarray]


def replaced_blocks(
    model: ScoringModel,
    explain: Explainer,
    videos: Sequence[np.ndarray],
    *,
    draws: int = 6,
    lengths: Sequence[int] = LENGTHS,
    seed: int = 0,
    watch: Watch = unwatched,
) -> Blocks:
    """``draws`` blocks of each length at random starts of every video [T, C], where it has room for
    one beside other clips; ``explain`` never sees where they lie."""
    random = np.random.default_rng(seed)
    found = Blocks({length: [] for length in lengths}, {length: [] for length in lengths})
    for features in watched(videos, "blocks", watch):
        points, score = explain(features), model.score_of(features)
        usual = model.average.at_length(len(features)).numpy()
        for length in (length for length in lengths if length < len(features)):
            for start in random.integers(0, len(features) - length + 1, draws):
                block = slice(start, start + length)
                said = -points[block].sum()
                other = features.copy()
                other[block] = usual[block]
                found.replaced[length].append((said, model.score_of(other) - score))
                rest = np.delete(features, block, axis=0)
                found.removed[length].append((said, model.score_of(rest) - score))
    return Blocks(_arrays(found.replaced), _arrays(found.removed))


def _arrays(pairs: dict[int, list[tuple[float, float]]]) -> dict[int, np.ndarray]:
    return {length: np.array(rows).reshape(-1, 2) for length, rows in pairs.items()}


def curves(
    model: ScoringModel,
    explain: Explainer,
    videos: Sequence[np.ndarray],
    *,
    draws: int = 3,
    seed: int = 0,
    watch: Watch = unwatched,
) -> dict[str, np.ndarray]:
    """Mean change of the score, in points, where growing shares of the clips are replaced by the
    average routine's: those that won most first, those of the greatest weight, at random.

    ``deletion ...`` from the video on, ``insertion ...`` from the average routine on, each by
    SHARES; the further apart from "at random", the truer the order.
    """
    random, total = np.random.default_rng(seed), {}
    for features in watched(videos, "curves", watch):
        usual = model.average.at_length(len(features)).numpy()
        weights = model.assess(features, explain=False).clip_weights
        orders = {"by contribution": [np.argsort(-explain(features), kind="stable")]}
        if len(weights) == len(features):
            orders["by weight"] = [np.argsort(-weights, kind="stable")]
        orders["at random"] = [random.permutation(len(features)) for _ in range(draws)]
        for way, (begin, end) in {
            "deletion": (features, usual),
            "insertion": (usual, features),
        }.items():
            start = model.score_of(begin)
            for name, several in orders.items():
                changes = [
                    [model.score_of(_mixed(begin, end, order, share)) - start
                     for share in SHARES]
                    for order in several
                ]  # fmt: skip
                total.setdefault(f"{way} {name}", []).append(np.mean(changes, axis=0))
    return {name: np.mean(rows, axis=0) for name, rows in total.items()}


def _mixed(begin: np.ndarray, end: np.ndarray, order: np.ndarray, share: float) -> np.ndarray:
    other, first = begin.copy(), order[: round(share * len(order))]
    other[first] = end[first]
    return other


def area_between(found: dict[str, np.ndarray], way: str) -> float:
    """Between the curve by contribution and that at random, in points: higher is truer."""
    apart = found[f"{way} by contribution"] - found[f"{way} at random"]
    area = float(np.trapezoid(apart, SHARES))
    return -area if way == "deletion" else area
