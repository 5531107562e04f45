"""What a report page holds of scored routines: plain data, in columns, so that it stays small."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from aqa.storage import strict
from extractors.readers import VIDEO_SUFFIXES
from pipeline import __version__
from pipeline.errors import Failure
from pipeline.reports.footage import Footage
from pipeline.scoring import Result, moment_clips
from pipeline.workspace import shown

# Digits behind the point: the sum of two hundred contributions stays within 1e-6 points.
_FINE, _COARSE = 9, 4


def page_document(
    results: Sequence[Result],
    failures: Sequence[Failure],
    folder: Path,
    command: str,
    films: Mapping[str, Footage],
) -> dict[str, Any]:
    """Of a page in ``folder``, which videos are linked from: routines in the order of the results,
    each with an entry for every score; with pictures of moments of the videos in ``films``."""
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
                "entries": [_entry(each) for each in of_video],
                "pictures": _pictures(of_video, films[video]) if video in films else {},
            }
            for video, of_video in routines.items()
        ],
    }
    return strict(document)


def linked(video: Path, folder: Path) -> str | None:
    """Where a page in ``folder`` finds the video; None of features and of frames."""
    if video.suffix.lower() not in VIDEO_SUFFIXES or not video.is_file():
        return None
    return quote(os.fsencode(os.path.relpath(video.resolve(), folder.resolve())))


def _pictures(results: Sequence[Result], film: Footage) -> dict[int, str]:
    """By clip: the frame in its middle."""
    clips = {
        index: result.parts[index]
        for result in results
        for best in (True, False)
        for index in moment_clips(result, best=best)
    }
    return {
        index: film.picture((part.start_s + part.end_s) / 2)
        for index, part in sorted(clips.items())
        if part.start_s is not None
    }


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
