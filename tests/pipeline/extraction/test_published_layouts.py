"""Extracted features lie and look as the published ones, so that published code reads them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result as CliResult

# As wide as the published backbone, and no deeper than it must be.
AQA_YAML = """
weights: random
workers: 1
backbone:
  {patch_size: [2, 4, 4], embed_dim: 128, depths: [1, 1, 1, 1], num_heads: [4, 8, 16, 32],
   window_size: [8, 7, 7]}
"""
RG_HEADER = "Video_Name\tDifficulty_Score    Execution_Score Total_Score\tPenalty\tVideo_length\n"
FEWEST_STEPS = ("--set", "model.waves=64", "--calibration-folds", "0")
Cli = Callable[..., CliResult]
pytestmark = pytest.mark.usefixtures("no_ray")


def rg_or_fisv(root: Path, dataset: str, routine_video: Callable[..., Path]) -> Path:
    """Four small videos below their published names, and train.txt and test.txt: that folder."""
    folder = root / ("RG" if dataset == "rg" else "fis-v")
    lines = []
    for index in range(4):
        name = f"Ball_{index:03d}" if dataset == "rg" else f"{index + 1}"
        routine_video(str(folder / f"videos/{name}.mp4"), elements=4 + 2 * index, seed=index)
        scores = (
            f"\t10.5\t8.3\t{18.8 - index}\t0.00\t92" if dataset == "rg" else f" {30 - index} 28 0"
        )
        lines.append(f"{name}{scores}\n")
    header = RG_HEADER if dataset == "rg" else ""
    (folder / "train.txt").write_text(header + "".join(lines[:3]))
    (folder / "test.txt").write_text(header + lines[3])
    return folder


def logo(root: Path) -> Path:
    """Four small folders of frames as published, and the pickle files: the folder of those."""
    keys = [("Worlds2019_free", index) for index in range(4)]
    for game, index in keys:
        frames = root / "LOGO/Video_result" / game / str(index)
        frames.mkdir(parents=True)
        for number in range(20 + index):
            image = np.full((60, 80, 3), 10 * number, np.uint8)
            cv2.imwrite(str(frames / f"{number:05d}.jpg"), image)
    labels = root / "LOGO/LOGO Anno&Split"
    labels.mkdir()
    for name, content in (
        ("anno_dict", {key: ["Free", 80.0 - key[1], None, [9], [1]] for key in keys}),
        ("formation_dict", {}),
        ("train_split3", keys[:3]),
        ("test_split3", keys[3:]),
    ):
        (labels / f"{name}.pkl").write_bytes(pickle.dumps(content))
    return labels


def extract_and_train(cli: Cli, root: Path, dataset: str, config: str, protocol: str) -> str:
    """The feature folder, from which one epoch was trained too."""
    Path("aqa.yaml").write_text(AQA_YAML)
    done = cli("extract", "--dataset", dataset, "--data-root", root, "--protocol", protocol)
    assert done.exit_code == 0, done.output
    folder = f"features/{dataset}"
    trained = cli(
        "train", "--config", config, "--data-root", root, "--features", folder, *FEWEST_STEPS
    )
    assert trained.exit_code == 0, trained.output
    assert "checkpoint: " in trained.output
    return folder


@pytest.mark.parametrize(("dataset", "config"), [("rg", "rg-ball"), ("fisv", "fisv-pcs")])
def test_rg_and_fisv_as_the_training_code_of_gdlt_reads_them(
    cli: Cli, routine_video: Callable[..., Path], tmp_path: Path, dataset: str, config: str
) -> None:
    labels = rg_or_fisv(tmp_path / "data", dataset, routine_video)
    protocol = "contiguous32(size=32x32)"
    folder = extract_and_train(cli, tmp_path / "data", dataset, config, protocol)
    lines = (labels / "train.txt").read_text().splitlines()[dataset == "rg" :]
    for index, line in enumerate(lines):
        features = np.load(os.path.join(folder, line.split()[0] + ".npy"))
        assert features.dtype == np.float32 and features.shape == (2 + index, 1024)


def test_logo_as_its_training_code_reads_it(cli: Cli, tmp_path: Path) -> None:
    labels = logo(tmp_path / "data")
    protocol = "uniform48x16(size=32x32)"
    folder = extract_and_train(cli, tmp_path / "data", "logo", "logo", protocol)
    for game, number in pickle.loads((labels / "train_split3.pkl").read_bytes()):
        features = np.load(f"{folder}/{game}_{number}.npy")
        assert features.dtype == np.float32 and features.shape == (48, 1024)
