"""extract and train on a real Ray cluster: three raylets on this machine, joined by address."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import COMMAND, MINI, SMALL_MODEL

from aqa import load_config, load_dataset
from aqa.data.features import FeatureFolder
from aqa.experiments.runs import plan, run
from pipeline.extraction.stages.assembly import Finished

TOKEN = "a" * 32


@pytest.fixture(scope="module")
def cluster(ray_cluster: Callable[..., Any]) -> Iterator[Any]:
    """One for all: it asks for a token, one node only reads, one only computes features."""
    head, decoding, backbone = (
        {"num_cpus": 1, "resources": {name: 1}}
        for name in ("neither", "aqa_decode", "aqa_backbone")
    )
    with ray_cluster(head, decoding, backbone, token=TOKEN) as running:
        yield running


def extract(
    folder: Path, address: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "extract", "--videos", "in", "--output", "out", *MINI, "--ray-address", address],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_decoding_and_backbone_on_different_nodes_give_the_bits_of_one_process(
    cluster: Any,
    routine_video: Callable[..., Path],
    alone: Callable[..., Finished],
    tmp_path: Path,
) -> None:
    for number in range(4):
        routine_video(f"in/{number}.mp4", elements=9 + number, seed=number)
    done = extract(tmp_path, cluster.address, cluster.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 extracted" in done.stdout
    records = [FeatureFolder(tmp_path / "out").record(str(number)) for number in range(4)]
    (read_on,) = {node for record in records for node in record["decoded_on"]}
    (computed_on,) = {node for record in records for node in record["computed_on"]}
    assert read_on != computed_on
    for number in range(4):
        stored = np.load(tmp_path / f"out/{number}.npy")
        assert stored.tobytes() == alone(tmp_path / f"in/{number}.mp4").features.tobytes()


SETTINGS = ["training.epochs=2", *SMALL_MODEL]


def train(cluster: Any, own_data: tuple[Path, Path]) -> subprocess.CompletedProcess[str]:
    """Two folds, from the folder in which the data lie; relative paths."""
    features, labels = own_data
    return subprocess.run(
        [
            COMMAND, "train", "--labels", labels.name, "--features", features.name,
            *(part for setting in SETTINGS for part in ("--set", setting)),
            "--folds", "2", "--output", "out", "--ray-address", cluster.address,
        ],
        cwd=labels.parent,
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=200,
    )  # fmt: skip


def test_folds_are_trained_on_the_cluster_from_relative_paths(
    cluster: Any,
    own_data: tuple[Path, Path],
    same_weights: Callable[[Path, Path], int],
    tmp_path: Path,
) -> None:
    done = train(cluster, own_data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"starting Ray ({cluster.address}) for 2 trainings" in done.stdout
    config = load_config("own", SETTINGS)
    dataset = load_dataset(config, features=own_data[0], labels=own_data[1])
    for task in plan(config, dataset, tmp_path / "alone", folds=2):
        run(task)
    assert same_weights(tmp_path / "out", tmp_path / "alone") == 2


def test_a_training_that_fails_there_is_one_line(cluster: Any, own_data: tuple[Path, Path]) -> None:
    np.save(own_data[0] / "v1.npy", np.full((5, 8), np.nan, dtype=np.float32))
    done = train(cluster, own_data)
    assert done.returncode == 2, done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: held out") and "v1.npy: NaN or infinity in 5" in last


def test_another_token_than_the_clusters(
    cluster: Any, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    routine_video("in/a.mp4")
    another = cluster.environment | {"RAY_AUTH_TOKEN": "b" * 32}
    none_at_all = cluster.environment | {"HOME": str(tmp_path)}
    del none_at_all["RAY_AUTH_TOKEN"]
    for environment in (another, none_at_all):
        done = extract(tmp_path, cluster.address, environment)
        assert done.returncode == 2
        assert done.stderr == (
            f"error: cannot join a Ray cluster at {cluster.address}: it has another token, or "
            "there is none here; is it up, and are RAY_AUTH_MODE (here token) and RAY_AUTH_TOKEN "
            "as on its nodes?\n"
        )
    assert not list(tmp_path.rglob("*.npy"))


LOCAL = """
from pipeline.cluster.session import RayOptions, ray_session

with ray_session(RayOptions()) as ray:
    print("works", ray.get(ray.remote(lambda: 6 * 7).remote()))
"""


def test_a_ray_on_this_machine_takes_the_mode_that_is_set(tmp_path: Path) -> None:
    """With ``token`` and none there Ray makes one and keeps it. A mode that is not set: see
    test_terminal.py; ``disabled``: see test_chain.py."""
    environment = {name: os.environ[name] for name in os.environ if "RAY_AUTH" not in name}
    done = subprocess.run(
        [sys.executable, "-c", LOCAL],
        env=environment | {"RAY_AUTH_MODE": "token", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stdout == "works 42\n", done.stderr
    assert (tmp_path / ".ray/auth_token").exists()


def test_no_cluster_there(routine_video: Callable[..., Path], tmp_path: Path) -> None:
    routine_video("in/a.mp4")
    done = extract(tmp_path, "127.0.0.1:1", dict(os.environ))
    assert done.returncode == 2
    assert "cannot join a Ray cluster at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
