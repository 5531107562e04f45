"""The demo in small: it runs, leaves what it says, and gives the same numbers twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import Result as CliResult

from pipeline.demo import run as demo
from pipeline.demo.drawn import Routine, draw_element, random_routine, write_video


def test_score_is_the_mean_of_the_elements() -> None:
    routine = Routine(np.array([1.0, 0.5]), np.array([0.5, 0.5]))
    assert routine.element_points.tolist() == [50, 25] and routine.score == 37.5


def test_poor_execution_trembles() -> None:
    def trembling(execution: float) -> float:
        frames = np.array(draw_element(0.5, execution, np.random.default_rng(0)), np.int16)
        return float(np.abs(np.diff(frames, axis=0)).mean())

    assert trembling(0.1) > 1.5 * trembling(1.0)


def test_the_same_routine_is_the_same_file(tmp_path: Path) -> None:
    def written(number: int) -> bytes:
        rng = np.random.default_rng(3)
        path = tmp_path / f"{number}.mp4"
        write_video(path, random_routine(rng, elements=3), rng)
        return path.read_bytes()

    assert len({written(number) for number in range(12)}) == 1


def test_small_demo_twice(
    cli: Callable[..., CliResult], no_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "TRAINING", 8)
    monkeypatch.setattr(demo, "HELD_OUT", 4)
    monkeypatch.setattr(demo, "ELEMENTS", 3)
    done = cli("demo")
    assert done.exit_code == 0, done.output
    assert "RANDOM weights" in done.output and "held-out Spearman" in done.output
    folder = tmp_path / "demo-run"
    for name in (
        "scores.csv", "checkpoint.pt", "evaluation.json", "score.json", "score.png",
        "predicted-against-true.png", "report.html", "runs", "features/provenance.json",
    ):  # fmt: skip
        assert (folder / name).exists(), name
    if shutil.which("chromium"):
        assert cv2.imread(str(folder / "report.png")).shape == (1500, 1000, 3)
    else:
        assert "no picture of the report: chromium is not installed" in done.output
    with av.open(str(folder / "videos/routine-000.mp4")) as video:
        assert video.streams.video[0].codec_context.name == "h264"
        assert video.streams.video[0].frames == 48
    kept = {name: (folder / name).read_bytes() for name in ("evaluation.json", "score.json")}
    assert cli("demo").exit_code == 0
    assert kept == {name: (folder / name).read_bytes() for name in kept}


def test_a_folder_of_somebody_else_is_not_cleared(
    cli: Callable[..., CliResult], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    done = cli("demo", "--output", "mine")
    assert done.exit_code == 2 and "was not made by the demo" in done.stderr
    assert (tmp_path / "mine/thesis.txt").exists()
