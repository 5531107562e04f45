"""Several routines of one athlete: whether they become better, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from scipy.special import stdtrit

from aqa.models import LEVEL
from pipeline.scoring.result import Result

YEAR_DAYS = 365.25


@dataclass(frozen=True)
class Trend:
    """The line of least squares through the scores of ``results``, in their order.

    places  of each: years since the first, or its number where no dates are known.
    slope   in points a year, or points from one routine to the next.
    level   of the line at place 0.
    width   half the width of 90 % of the slope; None where nothing says how far the model errs.
    """

    results: tuple[Result, ...]
    dates: tuple[date, ...] | None
    places: tuple[float, ...]
    slope: float
    level: float
    width: float | None

    @property
    def per(self) -> Literal["year", "routine"]:
        return "routine" if self.dates is None else "year"

    @property
    def clear(self) -> bool | None:
        return None if self.width is None else abs(self.slope) > self.width

    def to_dict(self) -> dict[str, Any]:
        return {
            "score_name": self.results[0].score_name,
            "videos": [result.video for result in self.results],
            "dates": None if self.dates is None else [day.isoformat() for day in self.dates],
            "scores": [result.score for result in self.results],
            "slope": self.slope,
            "per": self.per,
            "interval": None
            if self.width is None
            else [self.slope - self.width, self.slope + self.width],
            "clear": self.clear,
        }


def find_trend(results: Sequence[Result], dates: Sequence[date] | None) -> Trend | None:
    """Of one score. None for fewer than three routines, or all of one day.

    The slope is as sure as the larger of two deviations of a routine allows: the model's (from its
    errors of differences) and that around the line (with Student's t).
    """
    if len(results) < 3:
        return None
    places = np.arange(len(results), dtype=float)
    if dates is not None:
        places = np.array([(day - dates[0]).days for day in dates]) / YEAR_DAYS
    spread = float(((places - places.mean()) ** 2).sum())
    if spread == 0:
        return None
    scores = np.array([result.score for result in results])
    slope = float((places - places.mean()) @ scores / spread)
    level = float(scores.mean() - slope * places.mean())
    width = None
    widths = [result.pair_width for result in results]
    if None not in widths:
        tail, rest = (1 + LEVEL) / 2, len(results) - 2
        around = np.sqrt(((scores - level - slope * places) ** 2).sum() / rest)
        # pair_width is of two errors; one has it by the root of two less.
        ours, theirs = np.mean(widths) / np.sqrt(2), stdtrit(rest, tail) * around
        width = float(max(ours, theirs) / np.sqrt(spread))
    return Trend(
        tuple(results), None if dates is None else tuple(dates), tuple(places.tolist()),
        slope, level, width,
    )  # fmt: skip
