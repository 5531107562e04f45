"""The published model is trained on a GPU, and a video is scored there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import MINI

from aqa import load_checkpoint

Cli = Callable[..., CliResult]
PAPER = ("training.recipe=paper", "training.epochs=3")


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_paper_s_training_runs_a_few_epochs(
    cli: Cli, own_data: tuple[Path, Path], precision: str, device: str
) -> None:
    """It repeats bit for bit, and what it made scores the same on the CPU."""
    features, labels = own_data
    settings = (*PAPER, f"training.precision={precision}")
    for run in ("one", "two"):
        done = cli(
            "train", "--labels", labels, "--features", features, "--device", device,
            "--output", run, *(part for each in settings for part in ("--set", each)),
        )  # fmt: skip
        assert done.exit_code == 0, done.output
    one, two = (load_checkpoint(next(Path(run).rglob("model.pt"))) for run in ("one", "two"))
    clips = np.load(features / "v0.npy")
    scores = [model.assess(clips).score for model in (one, two)]
    assert np.isfinite(scores).all() and scores[0] == scores[1]


@pytest.mark.gpu
def test_a_video_is_scored(cli: Cli, routine_video: Callable[..., Path], tmp_path: Path) -> None:
    """With the features of the GPU's backbone, by a model that was trained on them."""
    rows = ["id,score"]
    for number in range(6):
        routine_video(f"in/{number}.mp4", 4 + number % 2, number)
        rows.append(f"{number},{10 + number}")
    (tmp_path / "scores.csv").write_text("\n".join(rows) + "\n")
    assert cli("extract", "--videos", "in", "--output", "feats", *MINI).exit_code == 0
    settings = ("--set", "model.members=2", "--set", "model.waves=64")
    trained = cli(
        "train", "--labels", "scores.csv", "--features", "feats", "--output", "m", *settings
    )
    assert trained.exit_code == 0, trained.output
    checkpoint = next(Path("m").rglob("model.pt"))
    done = cli("score", "in/0.mp4", "--checkpoint", checkpoint, "--json")
    assert done.exit_code == 0, done.output
    (result,) = json.loads(done.stdout)["results"]
    assert np.isfinite(result["score"])
