"""Times and progress as people read them."""

from __future__ import annotations

import pytest

from pipeline.console import Console, LineTicker, clock


@pytest.mark.parametrize(
    ("seconds", "text", "with_tenths"),
    [(7.34, "0:07", "0:07.3"), (59.96, "1:00", "1:00.0"), (3723, "1:02:03", "1:02:03.0")],
)
def test_clock(seconds: float, text: str, with_tenths: str) -> None:
    assert clock(seconds) == text
    assert clock(seconds, tenths=True) == with_tenths


def test_plain_lines_end_with_the_whole_count(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().progress("extract", 3, "videos") as ticker:
        assert isinstance(ticker, LineTicker)
        for _ in range(3):
            ticker.advance("9 clips")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("extract: 3/3 videos in 0:0") and line.endswith("9 clips")


def test_quiet_shows_no_progress_and_no_notes(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.note("a note")
    with console.progress("extract", 1, "videos") as ticker:
        ticker.advance()
    console.result("the result")
    output = capsys.readouterr()
    assert output.out == "the result\n" and output.err == ""
