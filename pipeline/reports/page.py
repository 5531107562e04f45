"""The HTML report of scored routines: one file that needs nothing else, to be mailed or printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader

from aqa.storage import write_atomically
from pipeline import __version__
from pipeline.errors import Failure
from pipeline.reports.plots import routine_figure, to_svg
from pipeline.scoring import Result, moment, moments
from pipeline.workspace import shown


def write_report(path: Path, results: Sequence[Result], failures: Sequence[Failure]) -> None:
    """Writes one page: each routine's score, plot, best and worst moments, and all its clips."""
    environment = Environment(
        loader=PackageLoader("pipeline.reports", "templates"), autoescape=True, trim_blocks=True
    )
    routines = [
        {
            "result": result,
            "name": shown(Path(result.video).name),
            "plot": to_svg(routine_figure(result)),
            "won": moments(result, best=True),
            "lost": moments(result, best=False),
            "rows": [moment(result, index) for index in range(len(result.parts))],
        }
        for result in results
    ]
    page = environment.get_template("report.html").render(
        routines=routines, failures=failures, version=__version__
    )
    write_atomically(path, lambda file: file.write(shown(page).encode()))
