"""Routines side by side: in which order, each against the one before it, and their trend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.scoring.comparing import Align, Comparison, compare
from pipeline.scoring.judges import dates_of
from pipeline.scoring.result import Result
from pipeline.scoring.trend import Trend, find_trend


@dataclass(frozen=True)
class Compared:
    """``results`` in order; ``dates`` by video, where they are known; for each score its
    comparisons, and its trend where there is one."""

    results: tuple[Result, ...]
    dates: Mapping[str, date] | None
    comparisons: tuple[Comparison, ...]
    trends: tuple[Trend, ...]


def compare_results(
    results: Sequence[Result], align: Align, labels: Path | None, ids: Mapping[str, str]
) -> Compared:
    """In the order given, or by the dates in ``labels``; days that are equal keep that order.
    UsageError for fewer than two routines."""
    videos = list(dict.fromkeys(result.video for result in results))
    if len(videos) < 2:
        raise UsageError(f"nothing to compare: {len(videos)} of the inputs could be scored")
    dates = None if labels is None else dates_of(labels, {video: ids[video] for video in videos})
    if dates is not None:
        results = sorted(results, key=lambda result: dates[result.video])
    of_score: dict[str, list[Result]] = {}
    for result in results:
        of_score.setdefault(result.score_name, []).append(result)
    trends = [
        find_trend(rows, None if dates is None else [dates[row.video] for row in rows])
        for rows in of_score.values()
    ]
    return Compared(
        results=tuple(results),
        dates=dates,
        comparisons=tuple(
            compare(before, after, align)
            for rows in of_score.values()
            for before, after in pairwise(rows)
        ),
        trends=tuple(trend for trend in trends if trend is not None),
    )
