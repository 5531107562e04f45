"""Small synthetic data: features whose content decides the score."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from aqa.config import ExperimentConfig, parse_config
from aqa.data.features import FeatureFolder, FeatureOrigin

CHANNELS = 12


@pytest.fixture
def origin() -> FeatureOrigin:
    return FeatureOrigin("swin3d_mini", "random", "0" * 64, "mini16x112")


@pytest.fixture
def small_config() -> Callable[..., ExperimentConfig]:
    """``small_config(epochs=3)``: own data, a tiny model; the recipe honest, of the published
    structure, unless another is asked for."""

    def make(recipe: str = "honest", model: dict | None = None, **training) -> ExperimentConfig:
        steps = {"epochs": 3, "batch_size": 8, "threads": 1}
        sizes = {"kind": "published", "width": 16, "feedforward": 16, "head_widths": [16, 8]}
        sizes |= {"heads": 2, "query_count": 6}
        if recipe == "paper":
            sizes["clip_count"] = 6
        elif recipe == "fit":
            sizes, steps = {"waves": 256, "members": 3, "sharpness": 0.3}, {"threads": 1}
        content = {
            "dataset": {"kind": "csv", "score_range": [0, 10]},
            "model": sizes | (model or {}),
            "training": {"recipe": recipe} | steps | training,
        }
        return parse_config(content)

    return make


@pytest.fixture
def own_data(tmp_path: Path, origin: FeatureOrigin) -> Callable[..., tuple[Path, Path]]:
    """``own_data(videos=40)`` -> features folder, labels file; channel 0 decides the score."""

    def make(videos: int = 40, test: int = 10, name: str = "own") -> tuple[Path, Path]:
        rng = np.random.default_rng(0)
        folder = FeatureFolder(tmp_path / name / "features")
        folder.write_origin(origin, {"torch": torch.__version__})
        labels = tmp_path / name / "scores.csv"
        rows = [["id", "score", "split"]]
        for number in range(videos):
            features = rng.normal(size=(int(rng.integers(4, 9)), CHANNELS)).astype(np.float32)
            quality = rng.uniform(-2, 2)
            features[:, 0] += quality
            folder.save(f"v{number:02d}", features, origin, {})
            score = 5 + 2 * float(np.clip(features[:, 0].mean(), -2.5, 2.5))
            rows.append([f"v{number:02d}", score, "test" if number >= videos - test else "train"])
        with labels.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        return folder.folder, labels

    return make


@pytest.fixture
def small_dataset(small_config, own_data):
    from aqa.data.dataset import load_dataset

    features, labels = own_data()
    return load_dataset(small_config(), features=features, labels=labels)
