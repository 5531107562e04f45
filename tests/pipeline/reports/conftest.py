"""A real browser for pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """``opened(path, width=360)``: a page in the browser; at the end nothing was wrong with it, and
    it asked for nothing but the files beside it."""
    contexts, problems = [], []

    def show(path: Path, width: int = 1000, missing: bool = False, **options: Any) -> Any:
        contexts.append(
            browser.new_context(viewport={"width": width, "height": 900}, locale="en", **options)
        )
        page = contexts[-1].new_page()
        if not missing:  # the browser says so
            page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith(("file:", "blob:", "data:"))
                else problems.append(asked.url)
            ),
        )
        page.goto(path.as_uri())
        page.wait_for_selector("canvas")
        return page

    yield show
    for context in contexts:
        context.close()
    assert problems == []
