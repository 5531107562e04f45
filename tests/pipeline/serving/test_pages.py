"""The pages of a server: their policies name what is in them, and nothing else runs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from pages import routine

from pipeline.reports import page_document
from pipeline.serving.pages import interface_page, list_page, report_page

ASSETS = files("pipeline.serving") / "assets"
NASTY = "</script><script>alert(1)</script>.mp4"


def report(name: str) -> tuple[str, str]:
    document = page_document([routine("0" * 64, clips=8)], [], Path("/data"), "--checkpoint m", {})
    return report_page(document, [name], ["video"])


@pytest.mark.parametrize("made", [list_page(10), report("a.mp4"), report(NASTY)])
def test_only_the_page_s_own_script_and_style_are_let_in(made: tuple[str, str]) -> None:
    html, policy = made
    for kind in ("script", "style"):
        (inline,) = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "alert(1)</script>" not in html
    markup = re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)
    assert not re.search(r"\son\w+=|javascript:", markup)


def test_a_report_has_the_name_that_was_uploaded_and_no_place() -> None:
    html, _ = report("my routine.mp4")
    (text,) = re.findall(r'<script id="document"[^>]*>(.*?)</script>', html)
    document = json.loads(text)
    (held,) = document["routines"]
    assert (held["name"], held["video"], held["source"]) == ("my routine.mp4",) * 2 + ("video",)
    assert document["command"] == "aqa-pipeline score 'my routine.mp4' --checkpoint m"
    assert "/data" not in text and "0000000" not in text


def test_every_text_is_there_in_every_language() -> None:
    texts, script = (ASSETS / "texts.json").read_text("utf-8"), (ASSETS / "page.js").read_text()
    texts = json.loads(texts)
    used = set(re.findall(r'\bt\("(\w+)"', script))
    assert set(texts) == {"en", "de", "fr", "ja", "zh"}
    for language, table in texts.items():
        assert set(table) == used, language
        for key, text in table.items():
            assert ("{n}" in text) == ("{n}" in texts["en"][key])


def test_the_interface_is_described() -> None:
    about = {"description": "<b>Does</b> it.", "parameters": [], "responses": {"200": {}}}
    info = {"title": "t", "version": "1", "description": "d"}
    html, policy = interface_page({"info": info, "paths": {"/v1/x": {"get": about}}})
    assert "GET /v1/x" in html and "&lt;b&gt;Does" in html and "script-src" not in policy
