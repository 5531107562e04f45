"""extract and train on a Ray that has a GPU: the bits of one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import MINI, SMALL_MODEL, SPEC

from aqa import load_config, load_dataset
from aqa.experiments.runs import plan, run
from pipeline.extraction.stages.assembly import Finished

pytestmark = pytest.mark.gpu
Cli = Callable[..., CliResult]


@pytest.mark.parametrize("share", ["1", "0.5"])
def test_extract_uses_the_gpu(
    cli: Cli, alone: Callable[..., Finished], routine_video: Callable[..., Path], share: str
) -> None:
    """``share`` of a GPU to a worker: one worker, or two."""
    films = [routine_video(f"in/{number}.mp4", 40 + number, number) for number in range(4)]
    done = cli("extract", "--videos", "in", "--output", "out", *MINI, "--gpus-per-worker", share)
    assert done.exit_code == 0 and "4 extracted" in done.output, done.output
    spec = replace(SPEC, device="cuda", precision="bf16")
    for number, film in enumerate(films):
        assert np.load(f"out/{number}.npy").tobytes() == alone(film, spec).features.tobytes()


def test_folds_are_trained_on_the_gpu(
    cli: Cli,
    own_data: tuple[Path, Path],
    same_weights: Callable[[Path, Path], int],
    tmp_path: Path,
) -> None:
    features, labels = own_data
    settings = ["training.epochs=3", *SMALL_MODEL]
    done = cli(
        "train", "--labels", labels, "--features", features, "--folds", "2", "--device", "cuda",
        "--output", "out", *(part for each in settings for part in ("--set", each)),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    config = load_config("own", settings)
    dataset = load_dataset(config, features=features, labels=labels)
    for task in plan(config, dataset, tmp_path / "alone", folds=2, device="cuda"):
        run(task)
    assert same_weights(tmp_path / "out", tmp_path / "alone") == 2
