"""What a report page holds of scored routines: plain data, in columns, so that it stays small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aqa.storage import strict
from pipeline import __version__
from pipeline.errors import Failure
from pipeline.reports.footage import Film, linked
from pipeline.scoring import Compared, Comparison, Result, moment_clips
from pipeline.workspace import shown

# Digits behind the point: the sum of two hundred contributions stays within 1e-6 points.
_FINE, _COARSE = 9, 4


def page_document(
    results: Sequence[Result],
    failures: Sequence[Failure],
    folder: Path,
    command: str,
    films: Mapping[str, Film],
    compared: Compared | None = None,
) -> dict[str, Any]:
    """Of a page in ``folder``, which videos are linked from: routines in the order of the results,
    each with an entry for every score; with pictures of moments of the videos in ``films``; and
    how they compare."""
    routines: dict[str, list[Result]] = {}
    for result in results:
        routines.setdefault(result.video, []).append(result)
    document = {
        "version": __version__,
        "command": command,
        "failures": [{"video": shown(f.name), "error": shown(f.reason)} for f in failures],
        "routines": [
            {
                "name": shown(Path(video).name),
                "video": shown(video),
                "source": linked(Path(video), folder),
                "frame_s": films[video].frame_s if video in films else None,
                "pictures": films[video].pictures if video in films else {},
                "entries": [_entry(each) for each in of_video],
            }
            for video, of_video in routines.items()
        ],
        "dates": None,
        "comparisons": [],
        "trends": [],
    }
    if compared is not None:
        document |= _side_by_side(compared, list(routines), films)
    return strict(document)


def _entry(result: Result) -> dict[str, Any]:
    explained = result.explained
    sure = result.parts[0].high is not None
    return {
        "score": result.score,
        "score_name": result.score_name,
        "range": list(result.score_range),
        "interval": list(result.interval) if result.interval else None,
        "remarks": [shown(line) for line in result.remarks],
        "checkpoint": shown(result.checkpoint),
        "features": result.features.to_dict() if result.features else None,
        "versions": dict(result.versions) if result.versions else None,
        "judged": result.judged,
        "training_scores": result.training_scores and list(result.training_scores),
        "aligned": result.clips[0].aligned,
        "clips": _columns(result.clips, "start_s", "end_s", "score", "weight"),
        "baseline": explained and explained.baseline,
        "baseline_above_mean": explained and explained.baseline_above_mean,
        "phases": [vars(phase) for phase in explained.phases] if explained else [],
        "parts": _columns(result.parts, "start_s", "end_s", "points")
        | {
            "width": _rounded([p.high - p.points for p in result.parts], _FINE) if sure else None,
            "margin": _rounded(result.margins, _FINE),
            "above": _rounded(explained.percentiles, 1)
            if explained and explained.percentiles
            else None,
        },
        "won": moment_clips(result, best=True),
        "lost": moment_clips(result, best=False),
    }


def comparison_times(compared: Compared) -> dict[str, list[float]]:
    """By video, in seconds: where it is much better or worse than the one that it is held against,
    and where that one is then."""
    times: dict[str, list[float]] = {}
    for found in compared.comparisons:
        for index in _strongest(found):
            for result, time_s in zip(
                (found.first, found.second), found.middle_s(index) or (), strict=False
            ):
                times.setdefault(result.video, []).append(time_s)
    return times


def _strongest(found: Comparison) -> list[int]:
    return [*found.strongest(better=True), *found.strongest(better=False)]


def _side_by_side(
    compared: Compared, videos: Sequence[str], films: Mapping[str, Film]
) -> dict[str, Any]:
    """``videos``: in the order of the page, which comparisons name by their numbers."""
    number = {video: index for index, video in enumerate(videos)}
    dates = compared.dates
    return {
        "dates": None if dates is None else [dates[video].isoformat() for video in videos],
        "comparisons": [_comparison(each, number, films) for each in compared.comparisons],
        "trends": [
            trend.to_dict()
            | {
                "routines": [number[result.video] for result in trend.results],
                "places": trend.places,
                "level": trend.level,
                "width": trend.width,
            }
            for trend in compared.trends
        ],
    }


def _comparison(
    found: Comparison, number: Mapping[str, int], films: Mapping[str, Film]
) -> dict[str, Any]:
    both, stretches = (found.first, found.second), found.stretches
    timed = all(each.parts[0].start_s is not None for each in both)
    sure = bool(stretches) and stretches[0].high is not None
    columns = {
        name: _rounded([getattr(each, column) for each in stretches], _FINE)
        for name, column in (
            ("starts", "start"), ("ends", "end"), ("first", "first"), ("second", "second"),
        )
    }  # fmt: skip
    return columns | {
        "routines": [number[each.video] for each in both],
        "score_name": found.first.score_name,
        "scores": [each.score for each in both],
        "difference": found.difference,
        "interval": found.interval and list(found.interval),
        "told_apart": found.told_apart,
        "unit": found.unit,
        "baselines": [each.explained.baseline if each.explained else None for each in both],
        "width": _rounded([s.high - s.difference for s in stretches], _FINE) if sure else None,
        "phases": [vars(phase) for phase in found.phases],
        "better": found.strongest(better=True),
        "worse": found.strongest(better=False),
        "pictures": {
            index: [
                films[video].at.get(time_s) if video in films else None
                for video, time_s in zip(
                    (found.first.video, found.second.video),
                    found.middle_s(index) or (),
                    strict=False,
                )
            ]
            for index in _strongest(found)
        },
        # Where each begins in its video and how long it lasts, to play them in step.
        "spans": [
            [each.parts[0].start_s, each.parts[-1].end_s - each.parts[0].start_s] for each in both
        ]
        if timed
        else None,
    }


def _columns(rows: Sequence[Any], *names: str) -> dict[str, Any]:
    """None in place of times that there are not."""
    return {
        name: None
        if getattr(rows[0], name) is None
        else _rounded([getattr(row, name) for row in rows], _COARSE if "_s" in name else _FINE)
        for name in names
    }


def _rounded(values: Sequence[float] | np.ndarray, digits: int) -> list[float]:
    return np.round(np.asarray(values, float), digits).tolist()
