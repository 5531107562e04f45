"""How sure a model is: intervals from the errors that it made on videos it had not seen.

Split conformal prediction (Lei et al. 2018, "Distribution-free predictive inference for
regression"): as many of the out-of-fold errors as the level asks for lie within the half-width, so
that a new video from the same source does with about that probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aqa.errors import AqaError

LEVEL = 0.9
# With fewer errors than this the largest of them would be the half-width.
FEWEST = 20


@dataclass(frozen=True)
class Calibration:
    """Of one score. Widths in score units; coverage was measured on folds left out of it."""

    level: float
    half_width: float
    videos: int
    folds: int
    coverage: float  # of each fold, with the half-width of the other folds; pooled
    label_width: float  # between the 5 % and 95 % quantiles of the true scores

    def interval(self, score: float) -> tuple[float, float]:
        return score - self.half_width, score + self.half_width

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibration:
        return cls(**content)


def calibrate(folds: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Calibration:
    """From (predicted, true) of every fold, each predicted by a model that had not seen it."""
    errors = [np.abs(np.subtract(predicted, true)) for predicted, true in folds]
    pooled = np.concatenate(errors)
    if len(errors) < 2 or len(pooled) < FEWEST:
        raise AqaError(
            f"{len(pooled)} errors of {len(errors)} folds: a calibration needs {FEWEST} of 2"
        )
    inside = 0
    for place, held_out in enumerate(errors):
        others = np.concatenate([part for other, part in enumerate(errors) if other != place])
        inside += int((held_out <= conformal_quantile(others, LEVEL)).sum())
    true = np.concatenate([true for _, true in folds])
    low, high = np.quantile(true, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Calibration(
        level=LEVEL,
        half_width=conformal_quantile(pooled, LEVEL),
        videos=len(pooled),
        folds=len(folds),
        coverage=inside / len(pooled),
        label_width=float(high - low),
    )


def conformal_quantile(errors: np.ndarray, level: float) -> float:
    """The ceil((n + 1) level)-th smallest of n errors; the largest where there is none such."""
    rank = math.ceil((len(errors) + 1) * level)
    return float(np.sort(errors)[min(rank, len(errors)) - 1])
