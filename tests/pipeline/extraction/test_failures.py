"""failures.jsonl and --dry-run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import MINI, TINY
from rich.console import Console as RichConsole

from aqa.data.features import FeatureFolder
from pipeline.errors import Failure
from pipeline.extraction.folder.failures import FILE_NAME, FailureLog
from pipeline.workspace.console import Console

Cli = Callable[..., CliResult]


def ids(folder: Path) -> list[str]:
    return [json.loads(line)["id"] for line in (folder / FILE_NAME).read_text().splitlines()]


def test_log_keeps_other_videos_and_goes_when_nothing_failed(tmp_path: Path) -> None:
    folder = FeatureFolder(tmp_path)
    first = FailureLog(folder, ["a", "b"])
    assert not (tmp_path / FILE_NAME).exists()
    first.add(Failure("a", "a.mp4: cut short", "a.mp4", ("pyav",)))
    first.add(Failure("b", "b.mp4: no video"))
    assert ids(tmp_path) == ["a", "b"]
    entry = json.loads((tmp_path / FILE_NAME).read_text().splitlines()[0])
    assert (entry["path"], entry["reason"], entry["tried"]) == (
        "a.mp4", "a.mp4: cut short", ["pyav"],
    )  # fmt: skip
    FailureLog(folder, ["b", "c"]).add(Failure("c", "c.mp4: empty"))
    assert ids(tmp_path) == ["a", "c"]
    FailureLog(folder, ["a.mp4", "c"])  # by its path, where the id is not known
    assert not (tmp_path / FILE_NAME).exists()


def test_a_spoiled_log_is_mended(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"id": "a"}\n{"id": "b", "pa')
    FailureLog(FeatureFolder(tmp_path), ["c"])
    assert ids(tmp_path) == ["a"]


def test_dry_run_of_own_videos(
    cli: Cli, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    routine_video("in/a.mp4")
    routine_video("in/deep/b.mp4")
    Path(tmp_path / "scores.csv").write_text("id,score\nin/a.mp4,3\nzoe.mp4,4\n")
    plan = cli(
        "extract", "--videos", "in", "gone.mp4", *MINI, "--dry-run", "--labels", "scores.csv"
    )
    assert plan.exit_code == 1
    assert "to do: a (in/a.mp4), 3 clips\nto do: deep/b (in/deep/b.mp4), 3 clips\n" in plan.output
    assert "not done: gone.mp4: no such file or folder" in plan.output
    assert "no label: deep/b\nlabel without a video: zoe.mp4\n" in plan.output
    counts = "2 videos to do, 0 complete, 1 not done; 1 without a label, 1 label without a video"
    assert counts in plan.output
    assert not Path("features").exists()


def test_a_dry_run_gives_the_verdicts_of_the_run(cli: Cli, damaged: Path, tmp_path: Path) -> None:
    (tmp_path / "in/page.mp4").write_text("<!DOCTYPE html><html></html>")
    cut = damaged.read_bytes()
    (tmp_path / "in/cut.mp4").write_bytes(cut[: len(cut) // 2])
    command = ("extract", "--videos", "in", *TINY, "--output", "out", "--ray-address", "none")
    plan, done = cli(*command, "--salvage", "--dry-run"), cli(*command, "--salvage")
    assert plan.exit_code == done.exit_code == 1
    clips = len(np.load("out/damaged.npy"))
    assert f"to do: damaged (in/damaged.mp4), {clips} clips\n" in plan.output
    for name in ("page", "cut"):
        (planned,) = re.findall(rf"not done: (in/{name}\.mp4: .*)", plan.output)
        assert f"error: {planned}\n" in done.stderr


def test_many_failures_on_a_terminal_are_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    failures = [Failure(f"v{n}", f"in/v{n}.mp4: cut at {n}.5 s", f"in/v{n}.mp4") for n in range(30)]
    failures.append(Failure("x", "in/x.mp4: an empty file", "in/x.mp4"))
    console = Console()
    console._err = RichConsole(stderr=True, force_terminal=True, width=100, color_system=None)
    console.failures(failures, "out/failures.jsonl")
    printed = capsys.readouterr()
    shown = printed.err
    assert "31 failed" in shown and "all of them: out/failures.jsonl" in printed.out + shown
    rows = [line.split("│")[1:4] for line in shown.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["30", "v0", "in/v0.mp4: cut at 0.5 s"],
        ["1", "x", "in/x.mp4: an empty file"],
    ]


def test_dry_run_knows_what_is_complete_without_weights(
    cli: Cli,
    routine_video: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It fetches nothing, and compares published weights by their name."""
    from aqa.data.features import FeatureOrigin
    from pipeline.footage.stamps import source_stamp

    monkeypatch.setenv("AQA_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("AQA_WEIGHTS_URL", f"file://{tmp_path}/nowhere")
    origin = FeatureOrigin("swin3d_t", "kinetics400-1k", "d" * 64, "contiguous32")
    folder = FeatureFolder("features/videos")
    folder.write_origin(origin, {})
    for name in ("a", "changed"):
        video = routine_video(f"in/{name}.mp4")
        stamp = source_stamp(Path("in") / video.name)
        folder.save(name, np.ones((2, 3)), origin, {"source": stamp})
    routine_video("in/changed.mp4", elements=5)
    plan = cli(
        "extract", "--videos", "in", "--backbone", "swin3d_t", "--weights", "kinetics400-1k",
        "--dry-run",
    )  # fmt: skip
    assert "complete: a\n" in plan.output
    assert "changed.mp4: the source file has changed; --overwrite computes it again" in plan.output
    assert plan.output.endswith("0 videos to do, 1 complete, 1 not done\n")


def test_dry_run_of_a_data_set_names_what_its_labels_lack(
    cli: Cli, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("1", "7"):
        routine_video(f"fis-v/videos/{name}.mp4")
    (tmp_path / "fis-v/train.txt").write_text("1 20 21 0\n2 20 21 0\n")
    plan = cli("extract", "--dataset", "fisv", "--data-root", tmp_path, *MINI, "--dry-run")
    assert plan.exit_code == 0, plan.output
    assert "no label: 7\nlabel without a video: 2\n" in plan.output


def test_labels_need_a_dry_run(cli: Cli, routine_video: Callable[..., Path]) -> None:
    done = cli("extract", "--videos", routine_video("a.mp4"), *MINI, "--labels", "scores.csv")
    assert done.exit_code == 2 and "--labels goes with --dry-run" in done.stderr
