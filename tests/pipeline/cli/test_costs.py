"""What commands cost that do little: seconds of CPU, and libraries that they have no use for."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

MAIN = "from pipeline.cli import main; main()"
# Of no use to a feature file: what decodes, extracts, plots, evaluates or reaches a cluster.
HEAVY = {
    "av", "cv2", "matplotlib", "pyarrow", "ray", "scipy", "sklearn", "tensorboard", "timm",
    "torch._dynamo", "torch._inductor", "torchvision",
}  # fmt: skip


@pytest.fixture
def scoring(tmp_path: Path) -> list[str]:
    """The arguments of a command that scores a feature file."""
    path = tmp_path / "one.npy"
    np.save(path, np.random.default_rng(0).normal(size=(130, 1024)).astype(np.float32))
    return ["score", str(path), "--checkpoint", "fisv-pcs", "--json"]


def cpu_s(folder: Path, *arguments: str) -> float:
    """CPU seconds of a new Python with these arguments."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)
    return spent() - before


TRIES = 5  # the best counts: what else runs on the machine takes of its caches


def test_help_takes_less_than_half_a_cpu_second(tmp_path: Path) -> None:
    assert any(cpu_s(tmp_path, "-c", MAIN, "--help") < 0.5 for _ in range(TRIES))


def test_a_feature_file_is_scored_in_less_than_twice_the_time_of_importing_torch(
    tmp_path: Path, scoring: list[str]
) -> None:
    def cheap() -> bool:
        torch_s = cpu_s(tmp_path, "-c", "import torch")
        return cpu_s(tmp_path, "-c", MAIN, *scoring) < 2 * torch_s

    assert any(cheap() for _ in range(TRIES))


def test_a_feature_file_is_scored_without_what_only_videos_need(
    tmp_path: Path, scoring: list[str]
) -> None:
    code = f"""
import sys
try:
    {MAIN}
finally:
    print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *scoring], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stderr == "[]\n"
