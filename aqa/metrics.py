"""How well predicted scores agree with the judges'. No figure is multiplied by 100 here."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from aqa.errors import AqaError


def _pair(pred: ArrayLike, true: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first, second = (np.asarray(values, dtype=np.float64).ravel() for values in (pred, true))
    if first.shape != second.shape:
        raise AqaError(f"{first.size} predictions for {second.size} true scores")
    return first, second


def spearman(pred: ArrayLike, true: ArrayLike) -> float:
    """Spearman's rank correlation; nan for fewer than two videos or if one side is constant."""
    pred, true = _pair(pred, true)
    if pred.size < 2 or np.ptp(pred) == 0 or np.ptp(true) == 0:
        return float("nan")
    return float(stats.spearmanr(pred, true).statistic)


def kendall(pred: ArrayLike, true: ArrayLike) -> float:
    """Kendall's tau-b; nan for fewer than two videos or if one side is constant."""
    pred, true = _pair(pred, true)
    if pred.size < 2 or np.ptp(pred) == 0 or np.ptp(true) == 0:
        return float("nan")
    return float(stats.kendalltau(pred, true).statistic)


def relative_l2(pred: ArrayLike, true: ArrayLike) -> float:
    """mean(((pred - true) / (max true - min true))^2); tables show it times 100 as R-l2."""
    pred, true = _pair(pred, true)
    if true.size == 0 or np.ptp(true) == 0:
        return float("nan")
    return float(np.mean(((pred - true) / np.ptp(true)) ** 2))


def mean_absolute_error(pred: ArrayLike, true: ArrayLike) -> float:
    """In the unit of the scores."""
    pred, true = _pair(pred, true)
    return float(np.mean(np.abs(pred - true))) if true.size else float("nan")
