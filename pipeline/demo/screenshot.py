"""A picture of a report as a browser shows it, where there is one (Debian's package chromium)."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

_WIDTH, _HEIGHT, _TALL = 1000, 700, 1500
_ENOUGH = "document.querySelector('video')?.readyState > 1"


def save_screenshot(page_at: Path, picture: Path) -> str | None:
    """At its strongest moment, its upper part. Why there is none, where that cannot be."""
    chromium = shutil.which("chromium")
    if chromium is None or find_spec("playwright") is None:
        return f"{'chromium' if chromium is None else 'playwright'} is not installed"
    from playwright.sync_api import Error

    try:
        _photograph(chromium, page_at, picture)
    except Error as error:  # a browser that does not start here ends no demo
        return f"chromium: {str(error).splitlines()[0]}"
    return None


def _photograph(chromium: str, page_at: Path, picture: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root, in a container, it cannot have a sandbox; the page is our own.
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, locale="en")
        page.goto(page_at.absolute().as_uri())
        page.wait_for_function(_ENOUGH)
        if (moments := page.locator(".moments button")).count():
            moments.first.click()
        page.wait_for_function(f"{_ENOUGH} && !document.querySelector('video').seeking")
        page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
        # Among them is a sign that the browser waits, which stays while nothing plays.
        page.evaluate("document.querySelector('video').controls = false")
        area = {"x": 0, "y": 0, "width": _WIDTH, "height": _TALL}
        page.screenshot(path=picture, full_page=True, clip=area)
        browser.close()
