"""What a person does with a page of routines side by side, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import TEXTS, routine

from pipeline.reports import write_report
from pipeline.scoring import Result, compare_results


def side_by_side(path: Path, results: list[Result], align: str = "time", days: str = "") -> None:
    ids, labels = {each.video: Path(each.video).stem for each in results}, None
    if days:
        labels = path.with_suffix(".csv")
        labels.write_text(days)
    found = compare_results(results, align, labels, ids)
    write_report(path, found.results, [], compared=found)


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def times(page: Any) -> list[float]:
    return page.evaluate("[...document.querySelectorAll('.pair video')].map(v => v.currentTime)")


def test_the_page_adds_up(opened: Callable, tmp_path: Path) -> None:
    pair = [routine("a.mp4", clips=40), routine("b.mp4", clips=30, seed=1)]
    side_by_side(tmp_path / "a.html", pair)
    page = opened(tmp_path / "a.html")
    section = page.locator("#comparison-0")
    difference = pair[1].score - pair[0].score
    assert number(section.locator(".score").inner_text()) == pytest.approx(difference, abs=0.006)
    section.get_by_text("All clips (40)").click()
    cells = section.locator("tr[data-clip] td:nth-child(4)").all_inner_texts()
    assert len(cells) == 40
    assert sum(map(number, cells)) == pytest.approx(difference, abs=40 * 0.0006)
    quarters = section.locator("tr:not([data-clip]) td:nth-child(4)").all_inner_texts()
    assert sum(map(number, quarters)) == pytest.approx(difference, abs=0.03)
    told = abs(difference) > 5
    assert section.get_by_text(TEXTS["en"]["told" if told else "untold"]).count() == 1


def test_videos_are_in_step(
    opened: Callable, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    """The second does in half the time what the first does."""
    first, second = routine_video("a.mp4", elements=20), routine_video("b.mp4", elements=10)
    pair = [routine(str(first), clips=10), routine(str(second), clips=5, seed=1)]
    side_by_side(tmp_path / "a.html", pair, "phase")
    page = opened(tmp_path / "a.html")
    ready = "[...document.querySelectorAll('.pair video')].every(v => v.readyState > 1)"
    page.wait_for_function(ready)
    over = page.locator("#comparison-0 .u-over").first
    over.click(position={"x": 0.55 * over.bounding_box()["width"], "y": 60})
    assert times(page) == pytest.approx([7.04, 3.52], abs=0.1)
    page.keyboard.press("ArrowLeft")
    assert times(page) == pytest.approx([4 * 1.28, 2 * 1.28], abs=0.01)
    page.keyboard.press(".")
    assert times(page)[0] == pytest.approx(4 * 1.28 + 0.04, abs=0.01)
    page.wait_for_function(ready)
    page.get_by_role("button", name="Play", exact=True).first.click()
    page.wait_for_function("document.querySelector('.pair video').currentTime > 6.6")
    now = times(page)
    assert now[0] / 2 == pytest.approx(now[1], abs=0.3)
    strongest = page.locator("#comparison-0 .moments li")
    assert strongest.count() > 0
    assert page.locator("#comparison-0 .moments img").count() == 2 * strongest.count()
    head = page.locator("#comparison-0 .head").first.evaluate("e => e.getBoundingClientRect().left")
    box = over.bounding_box()
    assert box["x"] + 0.51 * box["width"] < head < box["x"] + box["width"]
    page.keyboard.press(" ")
    assert page.evaluate("[...document.querySelectorAll('.pair video')].every(v => v.paused)")


def test_scores_have_their_own_comparison(opened: Callable, tmp_path: Path) -> None:
    results = [
        routine(name, name=score, seed=seed)
        for seed, (name, score) in enumerate(
            [("a.mp4", "tes"), ("a.mp4", "pcs"), ("b.mp4", "tes"), ("b.mp4", "pcs")]
        )
    ]
    side_by_side(tmp_path / "a.html", results)
    page = opened(tmp_path / "a.html")
    section = page.locator("#comparison-0")
    section.get_by_role("button", name="pcs").click()
    shown = number(section.locator(".score").inner_text())
    assert shown == pytest.approx(results[3].score - results[1].score, abs=0.006)


def test_an_athlete_in_order(opened: Callable, tmp_path: Path) -> None:
    results = [routine(f"{name}.mp4", clips=20, seed=n) for n, name in enumerate("abcd")]
    days = "id,date\n" + "".join(f"{name},202{n}-01-01\n" for n, name in enumerate("dcba"))
    side_by_side(tmp_path / "a.html", results, days=days)
    page = opened(tmp_path / "a.html")
    table = page.locator("section").first
    assert table.locator("tbody tr td:first-child").all_inner_texts() == [
        "d.mp4", "c.mp4", "b.mp4", "a.mp4",
    ]  # fmt: skip
    assert table.locator("tbody svg").count() == 4 and table.locator("svg.trend").count() == 1
    slope = np.polyfit([0, 1, 2, 3], [r.score for r in reversed(results)], 1)[0]
    shown = number(table.get_by_text("points a year.").inner_text().split()[0])
    assert shown == pytest.approx(slope, abs=0.02)
    page.get_by_role("link", name="a.mp4").click()
    page.wait_for_selector("#routine-3 canvas")
    assert page.locator("section[id^=comparison]").count() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened: Callable, tmp_path: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    results = [routine(f"{name}.mp4", clips=20, seed=n) for n, name in enumerate("abc")]
    side_by_side(tmp_path / "a.html", results)
    page = opened(tmp_path / "a.html", color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [360, 1920])
def test_no_language_overflows(opened: Callable, tmp_path: Path, width: int) -> None:
    long = "a_very_long_name_of_a_file_without_any_blank_in_it_" * 3
    names = ("<img src=x onerror=window.caught=1>.mp4", f"{long}.mp4", "c.mp4")
    side_by_side(tmp_path / "a.html", [routine(n, seed=i) for i, n in enumerate(names)], "phase")
    page = opened(tmp_path / "a.html", width)
    for language in TEXTS:
        page.locator("header select").select_option(language)
        page.wait_for_selector("canvas")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, language
    assert page.evaluate("window.caught") is None and page.locator("img").count() == 0
