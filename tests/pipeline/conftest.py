"""Own data whose features decide the score; models compared; a real Ray cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from aqa.data.features import FeatureFolder, FeatureOrigin
from pipeline.extraction.runs import automatic
from pipeline.extraction.stages.assembly import Assembly, Finished
from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.spec import ExtractionSpec
from pipeline.footage.videos import Video

MINI = ExtractionSpec("swin3d_mini", "random", "mini16x112", "cpu")


@pytest.fixture
def origin() -> FeatureOrigin:
    return FeatureOrigin("swin3d_mini", "random", "d" * 64, "mini16x112")


@pytest.fixture(scope="session")
def alone() -> Callable[..., Finished]:
    """``alone(path, spec)``: a video through the stages, one after the other, in one thread; the
    spec is by default that of a mini backbone with random weights."""
    extractors: dict[tuple[str, str], FeatureExtractor] = {}

    def finished(path: Path, spec: ExtractionSpec = MINI) -> Finished:
        key = str(spec.architecture), spec.precision
        if key not in extractors:
            extractors[key] = FeatureExtractor(spec)
        assembly, threads = Assembly(), torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            batches = [extractors[key](batch) for batch in decode_batches(Video("v", path), spec)]
        finally:
            torch.set_num_threads(threads)
        (done,) = [found for batch in batches if (found := assembly.add(batch)) is not None]
        return done

    return finished


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """``extract`` works in this process where it is not told where, as on a machine with one CPU:
    for tests whose subject is not Ray."""
    monkeypatch.setattr(automatic, "usable_cpus", lambda: 1)


@pytest.fixture
def own_data(tmp_path: Path, origin: FeatureOrigin) -> tuple[Path, Path]:
    """(feature folder, scores.csv) of 12 videos, 4 of them test, whose scores can be learned."""
    rng = np.random.default_rng(0)
    folder = FeatureFolder(tmp_path / "feats")
    folder.write_origin(origin, {})
    rows = []
    for number in range(12):
        features = rng.normal(size=(5 + number % 3, 8)) + number / 4
        folder.save(f"v{number}", features, origin, {})
        rows.append((f"v{number}", f"{10 + number}", "test" if number % 3 == 0 else "train"))
    labels = tmp_path / "scores.csv"
    labels.write_text("id,score,split\n" + "".join(",".join(row) + "\n" for row in rows))
    return folder.folder, labels


@pytest.fixture
def same_weights() -> Callable[[Path, Path], int]:
    """``same_weights(a, b)`` asserts that every model.pt below ``a`` has the bits of that below
    ``b``, and gives their number."""

    def states(folder: Path) -> dict[Path, dict[str, torch.Tensor]]:
        return {
            path.relative_to(folder): torch.load(path, weights_only=True)["state"]
            for path in folder.rglob("model.pt")
        }

    def compare(one: Path, other: Path) -> int:
        first, second = states(one), states(other)
        assert first.keys() == second.keys()
        for place, state in first.items():
            assert state.keys() == second[place].keys()
            for name, tensor in state.items():
                assert torch.equal(tensor, second[place][name]), f"{place}: {name}"
        return len(first)

    return compare


@pytest.fixture
def damaged(routine_video: Callable[..., Path]) -> Path:
    """``in/damaged.mp4``, beside ``whole.mp4`` of 19.2 s: a tenth of it, from its middle on, is
    noise; it opens, and its end is as good as its beginning."""
    data = bytearray(routine_video("whole.mp4", elements=30).read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") if data.index(b"moov") > begin else len(data)
    spoiled, length = begin + (end - begin) // 2, (end - begin) // 10
    data[spoiled : spoiled + length] = np.random.default_rng(0).bytes(length)
    path = routine_video("in/damaged.mp4", elements=1)
    path.write_bytes(data)
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """``in/frames``, a folder of 50 images, each of another grey."""
    folder = tmp_path / "in/frames"
    folder.mkdir(parents=True)
    for number in range(50):
        grey = np.full((24, 32, 3), 5 * number, np.uint8)
        assert cv2.imwrite(str(folder / f"{number:05d}.png"), grey)
    return folder


# Every node must be told the same; the tests' cluster is this machine's alone.
CLUSTER_ENVIRONMENT = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
_CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster

nodes = json.loads(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args=nodes[0])
for node in nodes[1:]:
    cluster.add_node(**node)
raylets = [n.all_processes["raylet"][0].process.pid for n in cluster.list_all_nodes()]
print("READY", json.dumps({"address": cluster.address, "raylets": raylets}), flush=True)
input()
cluster.shutdown()
"""


@dataclass(frozen=True)
class RayCluster:
    """``raylets`` are process ids, the head's first; ``root`` is the process that started all."""

    address: str
    raylets: list[int]
    root: int
    environment: dict[str, str]


@contextmanager
def _cluster(nodes: list[dict], environment: dict[str, str]) -> Iterator[RayCluster]:
    process = subprocess.Popen(
        [sys.executable, "-c", _CLUSTER, json.dumps(nodes)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        ready = next((line for line in process.stdout if line.startswith("READY")), None)
        if ready is None:
            pytest.fail("the Ray cluster did not start")
        facts = json.loads(ready.removeprefix("READY"))
        yield RayCluster(**facts, root=process.pid, environment=environment)
    finally:
        process.communicate("\n", timeout=60)


@pytest.fixture
def ray_cluster() -> Iterator[Callable[..., RayCluster]]:
    """``ray_cluster({...}, {...})`` starts a raylet for each argument (those of ray's
    ``Cluster.add_node``; none: three of one CPU), the head first. ``token``: that it asks for."""
    with ExitStack() as stack:

        def start(*nodes: dict, token: str | None = None) -> RayCluster:
            login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
            cluster = _cluster(list(nodes) or [{"num_cpus": 1}] * 3, CLUSTER_ENVIRONMENT | login)
            return stack.enter_context(cluster)

        yield start
