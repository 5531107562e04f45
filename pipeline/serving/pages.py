"""The pages that a server gives out, each with the policy under which a browser shows it."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from pipeline import __version__
from pipeline.reports import (
    inside_script,
    joined_script,
    render_page,
    report_script,
    report_style,
)

_NOTHING_ELSE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def list_page(most_bytes: int) -> tuple[str, str]:
    """The page on which videos of so many bytes at most are dropped: HTML and policy."""
    script = joined_script("base", more=_asset("page.js"))
    style = report_style() + "\n" + _asset("page.css")
    html = (
        _templates()
        .get_template("page.html")
        .render(
            document=inside_script({"version": __version__, "most_bytes": most_bytes}),
            texts=inside_script(json.loads(_asset("texts.json"))),
            style=Markup(style),
            script=Markup(script),
        )
    )
    return html, _policy(script, style, "connect-src 'self'; img-src 'self' data:")


def interface_page(description: dict[str, Any]) -> tuple[str, str]:
    """What programs may ask for, of an OpenAPI ``description``."""
    style = report_style()
    html = (
        _templates()
        .get_template("interface.html")
        .render(description=description, style=Markup(style))
    )
    return html, _policy("", style, "img-src data:")


def report_page(
    document: dict[str, Any], names: list[str], sources: list[str | None]
) -> tuple[str, str]:
    """A report of uploads under the names that they came with. ``sources``: where the page finds
    their videos."""
    routines = [
        {**routine, "name": name, "video": name, "source": source}
        for routine, name, source in zip(document["routines"], names, sources, strict=True)
    ]
    command = ["aqa-pipeline", "compare" if document["comparisons"] else "score", *names]
    document = document | {
        "routines": routines,
        "command": " ".join(part for part in (shlex.join(command), document["command"]) if part),
    }
    html = render_page(document, title=names[0] if len(names) == 1 else "aqa-pipeline")
    media = "img-src data:; media-src 'self' blob:"
    return html, _policy(report_script(), report_style(), media)


def beside(name: str) -> str:
    """How a page names a video that lies in its folder."""
    return quote(name)


def _policy(script: str, style: str, more: str) -> str:
    """Only these, by their hashes: nothing that a name could bring in runs."""
    parts = [_NOTHING_ELSE, f"style-src '{_hash(style)}'"]
    if script:
        parts.append(f"script-src '{_hash(script)}'")
    return "; ".join([*parts, more]).rstrip("; ")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (files("pipeline.serving") / "assets" / name).read_text("utf-8").strip()


def _templates() -> Environment:
    return Environment(loader=PackageLoader("pipeline.serving", "templates"), autoescape=True)
