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
from pipeline.scoring import Result

_ASSETS = ("uplot-license.txt", "uplot.css", "report.css", "uplot.js", "report.js")


def write_report(
    path: Path, results: Sequence[Result], failures: Sequence[Failure], command: str = ""
) -> None:
    """``command`` is what made it, to be repeated."""
    folder = files("pipeline.reports") / "assets"
    parts = {
        name.replace(".", "_").replace("-", "_"): Markup((folder / name).read_text("utf-8").strip())
        for name in _ASSETS
    }
    page = Environment(loader=PackageLoader("pipeline.reports", "templates"), autoescape=True)
    text = page.get_template("report.html").render(
        document=_inside_script(page_document(results, failures, path.parent, command)),
        texts=_inside_script(json.loads((folder / "texts.json").read_text("utf-8"))),
        title=Path(results[0].video).name if len(results) == 1 else "aqa-pipeline",
        **parts,
    )
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))


def _inside_script(content: Any) -> Markup:
    """JSON that can end no script element, whatever names it holds."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
