"""How sure contributions are, and how they compare: what a checkpoint keeps of the folds' models.

The folds' models are not shipped. What they said of routines that they had not seen is summed up:
by how much another fold's model differs, as a multiple of how far a model's own members disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aqa.models.calibration import LEVEL, conformal_quantile
from aqa.models.explanation import Explanation

if TYPE_CHECKING:
    from aqa.models.base import ModelInfo

PHASES = 8
_QUANTILES = np.linspace(0, 1, 21)


@dataclass(frozen=True)
class Seen:
    """One held-out routine: what the model of its fold said, and that of another fold."""

    fold: str
    own: Explanation
    other: Explanation


@dataclass(frozen=True)
class Certainty:
    """Of one score.

    factor, floor  half the width of 90 % is factor x the members' spread, at least the floor.
    coverage       of another fold's model by that, with the factor of the other folds; pooled.
    points         quantiles of a clip's points x clips of its routine, by phase [PHASES][21]: of
                   routines of any length.
    scores         quantiles of the training scores [21].
    pair_width     half the width of 90 % of the error of a difference between two routines.
    pair_coverage  share of a fold's pairs within the width that the other folds give; pooled.
    """

    factor: float
    floor: float
    coverage: float
    points: list[list[float]]
    scores: list[float]
    mean_score: float
    pair_width: float
    pair_coverage: float | None = None  # None: of a checkpoint that did not measure it

    def widths(self, explanation: Explanation) -> np.ndarray | None:
        """Half-widths [T] around the points; None where a model has no members."""
        if explanation.spread is None:
            return None
        floor = self.floor / len(explanation.points)
        return np.maximum(self.factor * explanation.spread, floor)

    def percentiles(self, explanation: Explanation) -> np.ndarray:
        """0 to 100 [T]: which share of the training routines had fewer points there."""
        scaled = explanation.points * len(explanation.points)
        shares = [
            np.interp(value, self.points[row], _QUANTILES)
            for value, row in zip(scaled, _eighths(explanation), strict=True)
        ]
        return 100 * np.array(shares)

    def typical(self, explanation: Explanation) -> np.ndarray:
        """[T]: the points that half of the training routines have there."""
        medians = [self.points[row][len(_QUANTILES) // 2] for row in _eighths(explanation)]
        return np.array(medians) / len(medians)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, info: ModelInfo) -> Certainty | None:
        """That of the score that a model gives; None where its checkpoint has none."""
        content = (info.certainty or {}).get(info.score_name)
        return cls(**content) if content else None


def _eighths(explanation: Explanation) -> np.ndarray:
    return (explanation.phases * PHASES).astype(int)


def find_certainty(
    seen: Sequence[Seen],
    true: Sequence[float],
    errors: Sequence[np.ndarray],
) -> Certainty:
    """``true``: the training scores; ``errors``: predicted minus true of each fold."""
    apart = {
        fold: _apart([each for each in seen if each.fold == fold])
        for fold in dict.fromkeys(each.fold for each in seen)
    }
    floor = float(np.median(np.concatenate([spread for _, spread in apart.values()]))) / 4
    inside = total = 0
    for fold, (gaps, spread) in apart.items():
        rest = [part for name, part in apart.items() if name != fold] or [apart[fold]]
        factor = _factor(rest, floor)
        inside += int((gaps <= factor * np.maximum(spread, floor)).sum())
        total += len(gaps)
    factor = _factor(list(apart.values()), floor)
    pairs = [_between_pairs(each) for each in errors]
    return Certainty(
        factor=factor,
        floor=factor * floor,
        coverage=inside / total,
        points=_by_phase(seen),
        scores=np.quantile(true, _QUANTILES).tolist(),
        mean_score=float(np.mean(true)),
        pair_width=conformal_quantile(np.concatenate(pairs), LEVEL),
        pair_coverage=_pair_coverage(pairs),
    )


def _between_pairs(errors: np.ndarray) -> np.ndarray:
    """How far the errors of two routines of a fold are apart, for every pair of them."""
    rows, columns = np.triu_indices(len(errors), 1)
    return np.abs(errors[rows] - errors[columns])


def _pair_coverage(pairs: Sequence[np.ndarray]) -> float | None:
    """None of one fold: there is no other to give the width."""
    if len(pairs) < 2:
        return None
    inside = [
        pairs[fold]
        <= conformal_quantile(np.concatenate([*pairs[:fold], *pairs[fold + 1 :]]), LEVEL)
        for fold in range(len(pairs))
    ]
    return float(np.concatenate(inside).mean())


def _apart(seen: Sequence[Seen]) -> tuple[np.ndarray, np.ndarray]:
    """How far two models are apart on each clip, and the spread of the first, both x clips."""
    gaps = [np.abs(s.own.points - s.other.points) * len(s.own.points) for s in seen]
    spreads = [s.own.spread * len(s.own.points) for s in seen]
    return np.concatenate(gaps), np.concatenate(spreads)


def _factor(parts: Sequence[tuple[np.ndarray, np.ndarray]], floor: float) -> float:
    ratios = [gaps / np.maximum(spread, max(floor, 1e-12)) for gaps, spread in parts]
    return conformal_quantile(np.concatenate(ratios), LEVEL)


def _by_phase(seen: Sequence[Seen]) -> list[list[float]]:
    rows: list[list[float]] = [[] for _ in range(PHASES)]
    for each in seen:
        points = each.own.points * len(each.own.points)
        for row, value in zip(_eighths(each.own), points, strict=True):
            rows[row].append(float(value))
    every = [value for row in rows for value in row]
    return [np.quantile(row or every, _QUANTILES).round(5).tolist() for row in rows]
