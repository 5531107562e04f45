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
from pipeline.reports.document import page_document
from pipeline.reports.footage import films_of
from pipeline.scoring import Compared, Result

_ASSETS = ("uplot-license.txt", "uplot.css", "report.css", "uplot.js")
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
    films, said = films_of(results, path.parent, stream=stream, embed=embed)
    document = page_document(results, failures, path.parent, command, films, compared)
    folder = files("pipeline.reports") / "assets"
    parts = {
        name.replace(".", "_").replace("-", "_"): Markup((folder / name).read_text("utf-8").strip())
        for name in _ASSETS
    }
    page = Environment(loader=PackageLoader("pipeline.reports", "templates"), autoescape=True)
    script = "".join((folder / "script" / f"{name}.js").read_text("utf-8") for name in _SCRIPT)
    videos = list(dict.fromkeys(result.video for result in results))
    text = page.get_template("report.html").render(
        document=_inside_script(document),
        texts=_inside_script(json.loads((folder / "texts.json").read_text("utf-8"))),
        copies=[films[video].copy if video in films else None for video in videos],
        title=Path(videos[0]).name if len(videos) == 1 else "aqa-pipeline",
        script=Markup(script),
        **parts,
    )
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))
    return said


def _inside_script(content: Any) -> Markup:
    """JSON that can end no script element, whatever names it holds."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
