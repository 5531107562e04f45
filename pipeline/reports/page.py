"""The HTML report of scored routines: one file that needs no network, to play, to mail, to print.

The file holds the results as JSON, the texts in five languages, and the script that draws the page
from both; uPlot (MIT, Leon Sorokin) draws the timelines.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from aqa.storage import write_atomically
from pipeline.errors import Failure
from pipeline.reports.document import comparison_times, page_document
from pipeline.reports.footage import films_of
from pipeline.scoring import Compared, Result

# One after the other they are one script.
_SCRIPT = ("base", "results", "charts", "timeline", "scale", "tables", "notes", "player", "routine",
           "compare", "page")  # fmt: skip


def write_report(
    path: Path,
    results: Sequence[Result],
    failures: Sequence[Failure],
    command: str = "",
    *,
    stream: int | None = None,
    embed: bool = False,
    compared: Compared | None = None,
) -> list[str]:
    """What is to be said of it, a line each.

    command  what made it, to be repeated.
    stream   the number of the video stream that was scored, where one was asked for.
    embed    a small copy of each video goes into the page.
    compared  the results side by side, in its order.
    """
    also = comparison_times(compared) if compared else {}
    films, said = films_of(results, stream=stream, embed=embed, also=also)
    document = page_document(results, failures, path.parent, command, films, compared)
    videos = list(dict.fromkeys(result.video for result in results))
    text = render_page(
        document,
        title=Path(videos[0]).name if len(videos) == 1 else "aqa-pipeline",
        copies=[films[video].copy if video in films else None for video in videos],
    )
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))
    return said


def render_page(document: dict[str, Any], title: str, copies: Sequence[str | None] = ()) -> str:
    """The page of a :func:`page_document`. ``copies``: of the routines' videos, in base64."""
    page = Environment(loader=PackageLoader("pipeline.reports", "templates"), autoescape=True)
    return page.get_template("report.html").render(
        document=inside_script(document),
        texts=inside_script(json.loads(_asset("texts.json"))),
        copies=copies,
        title=title,
        licence=Markup(_asset("uplot-license.txt")),
        style=Markup(report_style()),
        script=Markup(report_script()),
    )


def report_style() -> str:
    """What stands in the page's one ``style``, to the letter."""
    return _asset("uplot.css") + "\n" + _asset("report.css")


def report_script() -> str:
    """What stands in the one ``script`` of the page that runs, to the letter."""
    return _asset("uplot.js") + "\n" + joined_script(*_SCRIPT)


def joined_script(*names: str, more: str = "") -> str:
    """Parts of the script, and ``more`` of another page, as one that shares nothing with others."""
    parts = "".join(_asset(f"script/{name}.js") + "\n" for name in names)
    return f'(() => {{\n"use strict";\n{parts}{more}}})();'


def _asset(name: str) -> str:
    return (files("pipeline.reports") / "assets" / name).read_text("utf-8").strip()


def inside_script(content: Any) -> Markup:
    """JSON that can end no script element, whatever names it holds."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
