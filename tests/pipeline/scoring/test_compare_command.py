"""``aqa-pipeline compare`` from features to terminal, JSON and page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from pages import embedded

from pipeline.cli.scoring import parts_of
from pipeline.scoring import Part

Cli = Callable[..., CliResult]
BOTH = ("--checkpoint", "fisv-tes", "--checkpoint", "fisv-pcs")


@pytest.fixture
def routines(tmp_path: Path) -> list[Path]:
    """Features that the shipped models take, of several lengths."""
    random, paths = np.random.default_rng(0), []
    for name, clips in (("a", 130), ("b", 120), ("c", 140)):
        paths.append(tmp_path / f"{name}.npy")
        np.save(paths[-1], random.normal(size=(clips, 1024)).astype(np.float32))
    return paths


def test_two_routines(cli: Cli, routines: list[Path]) -> None:
    done = cli("compare", *routines[:2], *BOTH, "--json", "--report", "page.html")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [each["score_name"] for each in document["comparisons"]] == ["tes", "pcs"]
    assert document["trends"] == [] and len(document["results"]) == 4
    for each in document["comparisons"]:
        assert each["videos"] == [str(path) for path in routines[:2]]
        total = each["start"] + sum(part["difference"] for part in each["stretches"])
        assert total == pytest.approx(each["scores"][1] - each["scores"][0], abs=1e-6)
        assert each["unit"] == "second" and isinstance(each["told_apart"], bool)
    page = embedded(Path("page.html").read_text(), "document")
    for held, each in zip(page["comparisons"], document["comparisons"], strict=True):
        gaps = np.subtract(held["second"], held["first"])
        assert gaps.sum() + np.diff(held["baselines"])[0] == pytest.approx(
            each["difference"], abs=1e-6
        )
    again = cli("score", *routines[:2], *BOTH, "--json")
    assert json.loads(again.stdout)["results"] == document["results"]
    shown = cli("compare", *routines[:2], *BOTH, "--align", "phase").stdout
    assert "b.npy against a.npy: tes " in shown and "what the model can tell" in shown
    assert "third quarter" in shown and " %" in shown


def test_an_athlete_s_routines_by_date(cli: Cli, routines: list[Path], tmp_path: Path) -> None:
    labels = tmp_path / "days.csv"
    labels.write_text("id;date;tes\na;2024-03-01;20,5\nb;2023-03-01;21,5\nc;2025-03-01;19\n")
    options = ("--checkpoint", "fisv-tes", "--labels", labels)
    done = cli("compare", *routines, *options, "--json", "--report", "page.html")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [Path(each["video"]).stem for each in document["results"]] == ["b", "a", "c"]
    (trend,) = document["trends"]
    assert trend["dates"] == ["2023-03-01", "2024-03-01", "2025-03-01"] and trend["per"] == "year"
    page = embedded(Path("page.html").read_text(), "document")
    assert [each["routines"] for each in page["comparisons"]] == [[0, 1], [1, 2]]
    assert [each["entries"][0]["judged"] for each in page["routines"]] == [21.5, 20.5, 19]
    shown = cli("compare", *routines, *options).stdout
    assert shown.index("2023-03-01") < shown.index("2024-03-01")
    assert "trend of tes: " in shown and "points a year, 90 % between" in shown


def test_two_that_are_alike_have_no_empty_table(
    cli: Cli, routines: list[Path], tmp_path: Path
) -> None:
    np.save(tmp_path / "same.npy", np.load(routines[0]))
    done = cli("compare", routines[0], tmp_path / "same.npy", "--checkpoint", "fisv-tes")
    assert "no clip differs by more" in done.output and "is better and worse" not in done.output


def test_each_video_may_begin_elsewhere() -> None:
    assert parts_of(None, None, 1) == [Part(None, None, 1)]
    assert parts_of([3.5, 12], None, None) == [Part(3.5, None), Part(12, None)]
    assert parts_of([3.5, 12], [20], None) == [Part(3.5, 20), Part(12, 20)]


def test_what_cannot_be_compared_is_said(cli: Cli, routines: list[Path]) -> None:
    done = cli("compare", routines[0], "gone.mp4", "--checkpoint", "fisv-tes")
    assert done.exit_code == 2 and "gone.mp4: no such file" in done.stderr
    assert "nothing to compare: 1 of the inputs could be scored" in done.stderr
    done = cli("compare", *routines[:2], "gone.mp4", "--checkpoint", "fisv-tes", "--json")
    assert done.exit_code == 1 and len(json.loads(done.stdout)["results"]) == 3
    done = cli("compare", *routines[:2], "--checkpoint", "fisv-tes", "--start", "1")
    assert done.exit_code == 2 and "feature files have none" in done.stderr
    three = ("--start", "1", "--start", "2", "--start", "3")
    done = cli("compare", *routines[:2], "--checkpoint", "fisv-tes", *three)
    assert done.exit_code == 2 and "given for 3 videos, found were 2" in done.stderr
    done = cli("compare", *routines, "--checkpoint", "fisv-tes", *three, "--end", "9", "--end", "8")
    assert done.exit_code == 2 and "give each once, or once for each" in done.stderr
    twice = cli("compare", routines[0], routines[0], "--checkpoint", "fisv-tes")
    assert twice.exit_code == 2 and "nothing to compare" in twice.stderr
