"""extract and train on a real Ray cluster: three raylets on this machine, joined by address."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aqa import load_config, load_dataset
from aqa.experiment import plan, run
from pipeline.inputs import Video
from pipeline.local import extract_rows
from pipeline.stages import Assembly, ExtractionSpec, FeatureExtractor

COMMAND = Path(sys.executable).parent / "aqa-pipeline"
# Every node must be told the same; the tests' cluster is this machine's alone.
ENVIRONMENT = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
CLUSTER = """
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=1)
cluster.add_node(num_cpus=1)
print("ADDRESS", cluster.address, flush=True)
input()
cluster.shutdown()
"""


@pytest.fixture
def address() -> Iterator[str]:
    head = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in head.stdout:
            if line.startswith("ADDRESS"):
                yield line.split()[1]
                break
        else:
            pytest.fail("the Ray cluster did not start")
    finally:
        head.communicate("\n", timeout=60)


def extract(folder: Path, address: str) -> subprocess.CompletedProcess[str]:
    arguments = "extract --videos in --backbone swin3d_mini --weights random --output out"
    return subprocess.run(
        [str(COMMAND), *arguments.split(), "--protocol", "mini16x112", "--ray-address", address],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_three_nodes_give_the_bits_of_one_process(
    address: str, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(4):
        routine_video(f"in/{number}.mp4", elements=9 + number, seed=number)
    done = extract(tmp_path, address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 extracted" in done.stdout
    spec = ExtractionSpec("swin3d_mini", "random", "mini16x112", "cpu")
    extractor = FeatureExtractor(spec)
    for number in range(4):
        assembly = Assembly()
        for row in extract_rows(Video("v", tmp_path / f"in/{number}.mp4"), spec, extractor):
            alone = assembly.add(row)
        stored = np.load(tmp_path / f"out/{number}.npy")
        assert stored.tobytes() == alone.features.tobytes()


def test_folds_are_trained_on_the_cluster_from_relative_paths(
    address: str,
    own_data: tuple[Path, Path],
    same_weights: Callable[[Path, Path], int],
    tmp_path: Path,
) -> None:
    settings = ["training.epochs=2", "model.members=2", "model.hidden=8"]
    command = [str(COMMAND), "train", "--labels", own_data[1].name, "--features", own_data[0].name]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(
        [*command, "--folds", "2", "--output", "out", "--ray-address", address],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"starting Ray ({address}) for 2 trainings" in done.stdout
    config = load_config("own", settings)
    dataset = load_dataset(config, features=own_data[0], labels=own_data[1])
    for task in plan(config, dataset, tmp_path / "alone", folds=2):
        run(task)
    assert same_weights(tmp_path / "out", tmp_path / "alone") == 2


def test_no_cluster_there(routine_video: Callable[..., Path], tmp_path: Path) -> None:
    routine_video("in/a.mp4")
    done = extract(tmp_path, "127.0.0.1:1")
    assert done.returncode == 2
    assert "cannot join a Ray cluster at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
