"""kill -9 of each part of an extraction at random moments: the same bits, once, nothing left over.

One moment for each part; AQA_FAULT_MOMENTS=5 (``make test-faults``) for five of each.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from aqa.features import FeatureFolder
from pipeline.inputs import Video
from pipeline.local import extract_rows
from pipeline.stages import Assembly, ExtractionSpec, FeatureExtractor

MINI = ["--backbone", "swin3d_mini", "--weights", "random", "--protocol", "mini16x112"]
COMMAND = [str(Path(sys.executable).parent / "aqa-pipeline"), "extract", *MINI]
COMMAND += ["--videos", "in", "--output", "out"]
MOMENTS = range(int(os.environ.get("AQA_FAULT_MOMENTS", "1")))
VIDEOS = 6
WINDOW_S = 6.0  # of work in which the moment lies; all of it takes longer on two cores
LIMIT_S = 240


@pytest.fixture(scope="module")
def spec() -> ExtractionSpec:
    return ExtractionSpec("swin3d_mini", "random", "mini16x112", "cpu")


@pytest.fixture
def expected(
    routine_video: Callable[..., Path], tmp_path: Path, spec: ExtractionSpec
) -> dict[str, bytes]:
    """The features of every video of the folder ``in``, from one process that nothing disturbs."""
    extractor, features = FeatureExtractor(spec), {}
    for number in range(VIDEOS):
        path = routine_video(f"in/{number}.mp4", elements=40, seed=number)
        assembly = Assembly()
        for row in extract_rows(Video(str(number), path), spec, extractor):
            finished = assembly.add(row)
        features[str(number)] = finished.features.tobytes()
    return features


class Watched:
    """A running ``extract``: what it wrote, and when each file changed."""

    def __init__(self, folder: Path, environment: dict[str, str], *options: str) -> None:
        self.out = folder / "out"
        self._log = open(folder / "log.txt", "a+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            [*COMMAND, *options],
            cwd=folder,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.versions: dict[str, set[int]] = {}

    def look(self) -> None:
        for path in self.out.glob("*.npy"):
            self.versions.setdefault(path.stem, set()).add(path.stat().st_mtime_ns)

    def wait(self, until: Callable[[], Any]) -> Any:
        """What ``until`` gives as soon as it is something; fails when the run ends before."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            self.look()
            if found := until():
                return found
            assert self.process.poll() is None, f"it ended early:\n{self.text()}"
            time.sleep(0.02)
        pytest.fail(f"nothing for {LIMIT_S} s:\n{self.text()}")

    def finish(self) -> str:
        deadline = time.monotonic() + LIMIT_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self.look()
            time.sleep(0.02)
        self.look()
        assert self.process.poll() == 0, self.text()
        return self.text()

    def text(self) -> str:
        self._log.seek(0)
        return self._log.read()


def check(watched: Watched, expected: dict[str, bytes]) -> None:
    """All features, bit for bit; each written once; no other file."""
    stored = {path.stem: np.load(path).tobytes() for path in watched.out.glob("*.npy")}
    assert stored == expected
    assert {name: len(times) for name, times in watched.versions.items()} == dict.fromkeys(
        expected, 1
    )
    assert FeatureFolder(watched.out).ids() == sorted(expected)
    files = {path.relative_to(watched.out).as_posix() for path in watched.out.rglob("*.*")}
    wanted = {f"{name}.npy" for name in expected} | {f"provenance/{name}.json" for name in expected}
    assert files == wanted | {"provenance.json"}


def processes(root: int, title: str) -> list[psutil.Process]:
    """Processes below ``root`` whose command line begins with ``title``."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        try:
            if " ".join(process.cmdline()).startswith(title):
                found.append(process)
        except psutil.Error:
            continue
    return found


def moment(kind: str, number: int) -> float:
    seconds = random.Random(f"{kind} {number}").uniform(0, WINDOW_S)
    print(f"{kind}: killed {seconds:.2f} s after work began")
    return seconds


TITLES = {"decode worker": "ray::FlatMap(_decode)", "backbone actor": "ray::MapWorker"}


@pytest.mark.parametrize("number", MOMENTS)
@pytest.mark.parametrize("part", [*TITLES, "raylet"])
def test_ray_goes_on_by_itself(
    part: str,
    number: int,
    ray_cluster: Callable[..., Any],
    expected: dict[str, bytes],
    tmp_path: Path,
) -> None:
    cluster = ray_cluster()
    run = Watched(tmp_path, cluster.environment, "--ray-address", cluster.address)
    run.wait(lambda: processes(cluster.root, TITLES["decode worker"]))
    time.sleep(moment(part, number))
    if part == "raylet":
        psutil.Process(random.Random(number).choice(cluster.raylets[1:])).kill()
    else:
        victims = run.wait(lambda: processes(cluster.root, TITLES[part]))
        random.Random(number).choice(victims).kill()
    text = run.finish()
    assert f"{VIDEOS} extracted" in text
    check(run, expected)


MARK = "AQA_TEST_RUN"


def still_there(mark: str) -> list[str]:
    """Command lines of the processes that a run with this mark in its environment left behind."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                left.append(" ".join(process.cmdline())[:100])
        except psutil.Error:
            continue
    return left


@pytest.mark.parametrize("number", MOMENTS)
def test_after_a_killed_driver_the_same_command_goes_on(
    number: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    mark = f"{os.getpid()} {number}"
    run = Watched(tmp_path, os.environ | {MARK: mark})
    run.wait(lambda: list(run.out.glob("*.npy")))
    time.sleep(moment("driver", number) / 2)
    run.look()
    run.process.kill()
    run.process.wait()
    complete = len(list(run.out.glob("*.npy")))
    deadline = time.monotonic() + 60
    while (left := still_there(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left
    again = Watched(tmp_path, dict(os.environ))
    again.versions = run.versions
    text = again.finish()
    assert f"{VIDEOS - complete} extracted, {complete} complete before, 0 failed" in text
    check(again, expected)
