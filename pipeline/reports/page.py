"""The HTML report of scored routines: one file that needs nothing else, to be mailed or printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader

from aqa.storage.whole_files import write_atomically
from pipeline import __version__
from pipeline.errors import Failure
from pipeline.reports.plots import routine_figure, to_svg
from pipeline.scoring.scorer import Result
from pipeline.workspace.console import clock

MOMENTS = 3


def write_report(path: Path, results: Sequence[Result], failures: Sequence[Failure]) -> None:
    """Writes one page: each routine's score, plot, best and worst moments, and all its clips."""
    environment = Environment(
        loader=PackageLoader("pipeline.reports", "templates"), autoescape=True, trim_blocks=True
    )
    routines = [
        {
            "result": result,
            "name": Path(result.video).name,
            "plot": to_svg(routine_figure(result)),
            "won": moments(result, best=True),
            "lost": moments(result, best=False),
            "rows": [_row(result, index) for index in range(len(result.clips))],
        }
        for result in results
    ]
    page = environment.get_template("report.html").render(
        routines=routines, failures=failures, version=__version__
    )
    write_atomically(path, lambda file: file.write(page.encode()))


def moments(result: Result, *, best: bool, count: int = MOMENTS) -> list[dict[str, Any]]:
    """The clips that won (or lost) most against the routine's own average, strongest first."""
    gains = result.gains
    order = np.argsort(-gains if best else gains, kind="stable")[:count]
    return [_row(result, i) for i in order if (gains[i] > 0) == best and gains[i] != 0]


def _row(result: Result, index: int) -> dict[str, Any]:
    clip = result.clips[index]
    return {
        "when": when(clip.start_s, clip.end_s, index),
        "score": f"{clip.score:.2f}",
        "weight": f"{100 * clip.weight:.1f} %",
        "gain": f"{result.gains[index]:+.3f}",
    }


def when(start_s: float | None, end_s: float | None, index: int) -> str:
    """``1:05.3-1:06.6``, or the clip's number where the features carry no times."""
    if start_s is None:
        return f"clip {index + 1}"
    return f"{clock(start_s, tenths=True)}-{clock(end_s, tenths=True)}"
