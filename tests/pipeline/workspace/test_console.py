"""Times and progress as people read them."""

from __future__ import annotations

import re

import pytest
from rich.table import Table

from pipeline.errors import Failure
from pipeline.workspace.console import Console, LineTicker, clock, counted, two_digits


@pytest.mark.parametrize(
    ("seconds", "text", "with_tenths"),
    [(7.34, "0:07", "0:07.3"), (59.96, "1:00", "1:00.0"), (3723, "1:02:03", "1:02:03.0")],
)
def test_clock(seconds: float, text: str, with_tenths: str) -> None:
    assert clock(seconds) == text
    assert clock(seconds, tenths=True) == with_tenths


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0864, "0.086"), (4.71, "4.7"), (17.2, "17"), (99.6, "100"), (473.2, "473")],
)
def test_rates_have_no_exponent(number: float, text: str) -> None:
    assert two_digits(number) == text


def test_plain_lines_end_with_the_whole_count(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().progress("extract", 3, "video") as ticker:
        assert isinstance(ticker, LineTicker)
        for _ in range(3):
            ticker.advance("9 clips")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("extract: 3/3 videos in 0:0") and line.endswith("9 clips")


def test_quiet_shows_no_progress_and_no_notes(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.note("a note")
    with console.progress("extract", 1, "video") as ticker:
        ticker.advance()
    console.result("the result")
    output = capsys.readouterr()
    assert output.out == "the result\n" and output.err == ""


def test_one_is_not_plural(capsys: pytest.CaptureFixture[str]) -> None:
    assert [counted(number, "video") for number in (0, 1, 2)] == ["0 videos", "1 video", "2 videos"]
    with Console().progress("extract", 1, "video") as ticker:
        ticker.advance()
    assert capsys.readouterr().err.startswith("extract: 1/1 video in 0:0")


def test_numbers_are_right_aligned_also_beside_empty_cells(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Console().table("", ["name", "figure"], [("a", "-10.5"), ("b", ""), ("c", "1")])
    assert "│ c    │      1 │" in capsys.readouterr().out


def test_brackets_and_colons_are_shown_as_they_are_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes the output for a terminal
    monkeypatch.setenv("COLUMNS", "100")
    name = "clip [final] :pear: [/].mp4"
    console = Console()
    for say in (console.note, console.warn, console.error, console.result):
        say(f"{say.__name__} {name}")
    console.table(f"title {name}", [f"column {name}"], [(f"cell {name}",)])
    console.failures([Failure(f"input {name}", f"reason {name}")])
    with console.progress(f"progress {name}", 2, "clip") as ticker:
        ticker.advance(f"status {name}")

    def picture() -> Table:
        grid = Table.grid()
        grid.add_row(f"live {name}")
        return grid

    with console.live(lambda: "", picture):
        pass
    output = capsys.readouterr()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.out + output.err)
    for place in ("note", "warn", "error", "result", "title", "column", "cell", "input", "reason",
                  "progress", "live"):  # fmt: skip
        assert f"{place} {name}" in shown, place
    assert "status clip [final]" in shown
