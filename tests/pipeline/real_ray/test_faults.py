"""kill -9 of each part of an extraction at random moments: the same bits, once, nothing left over.

One moment for each part; AQA_FAULT_MOMENTS=5 (``make test-faults``) for five of each.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from aqa.data.features import FeatureFolder
from pipeline.demo.drawn import random_routine, write_video
from pipeline.extraction.folder.origin import feature_origin
from pipeline.extraction.stages.assembly import Finished
from pipeline.extraction.stages.spec import ExtractionSpec
from pipeline.footage.stamps import source_stamp

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="watches files with inotify"),
    pytest.mark.timeout(600),  # two runs, each of which has a limit of its own
]

MINI = ["--backbone", "swin3d_mini", "--weights", "random", "--protocol", "mini16x112"]
COMMAND = [str(Path(sys.executable).parent / "aqa-pipeline"), "extract", *MINI]
COMMAND += ["--videos", "in", "--output", "out"]
SPEC = ExtractionSpec("swin3d_mini", "random", "mini16x112", "cpu")
MOMENTS = range(int(os.environ.get("AQA_FAULT_MOMENTS", "1")))
VIDEOS, DRAWN = 6, 3
WINDOW_S = 6.0  # of work in which the moment lies; all of it takes longer on two cores
LIMIT_S = 240


@dataclass(frozen=True)
class Footage:
    """``features``: the bytes of each video's features, from one process that nothing disturbs."""

    folder: Path
    features: dict[str, bytes]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory, alone: Callable[..., Finished]) -> Footage:
    folder, features = tmp_path_factory.mktemp("footage"), {}
    for number in range(VIDEOS):
        path = folder / f"{number}.mp4"
        if number >= DRAWN:  # drawing takes longer than all else
            shutil.copy(folder / f"{number - DRAWN}.mp4", path)
            features[str(number)] = features[str(number - DRAWN)]
            continue
        rng = np.random.default_rng(number)
        write_video(path, random_routine(rng, 32), rng)
        features[str(number)] = alone(path).features.tobytes()
    return Footage(folder, features)


@pytest.fixture
def expected(footage: Footage, tmp_path: Path) -> dict[str, bytes]:
    """The features of every video of the folder ``in``."""
    shutil.copytree(footage.folder, tmp_path / "in")
    return footage.features


class Openings:
    """Which files of a folder are opened, by whomever: the kernel tells (inotify)."""

    _OPEN, _OF_FOLDER = 0x20, 0x40000000

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None)
        self._queue = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self._queue, bytes(folder), self._OPEN) >= 0

    def __del__(self) -> None:
        os.close(self._queue)

    def take(self) -> set[str]:
        """Names, without extension, of what was opened since the last call."""
        names = set()
        while True:
            try:
                events = os.read(self._queue, 1 << 16)
            except BlockingIOError:
                return names
            while events:
                _, mask, _, size = struct.unpack_from("iIII", events)
                if not mask & self._OF_FOLDER:
                    names.add(Path(events[16 : 16 + size].rstrip(b"\0").decode()).stem)
                events = events[16 + size :]


class Watched:
    """A running ``extract``: what it wrote and when, and what it read.

    ``before`` is the run that this one goes on with. ``reread`` are videos that were opened again
    although their file was complete.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        *options: str,
        before: Watched | None = None,
    ) -> None:
        self.out = folder / "out"
        self.versions: dict[str, set[int]] = before.versions if before else {}
        self.opened: set[str] = set()
        self.reread: set[str] = set()
        # An overwriting run finds an older version of each.
        self._whole = 2 if "--overwrite" in options else 1
        self._openings = Openings(folder / "in")
        self._log = open(folder / "log.txt", "a+", encoding="utf-8")  # noqa: SIM115
        self.look()
        self.process = subprocess.Popen(
            [*COMMAND, *options],
            cwd=folder,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def done(self) -> set[str]:
        """Videos whose features are complete."""
        return {name for name, times in self.versions.items() if len(times) >= self._whole}

    def look(self) -> None:
        complete = self.done
        for path in self.out.glob("*.npy"):
            self.versions.setdefault(path.stem, set()).add(path.stat().st_mtime_ns)
        # After the files: what is opened between the two was not known as complete before.
        opened = self._openings.take()
        self.opened |= opened
        self.reread |= opened & complete

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

    def wait_for_moment(self, kind: str, number: int, at_most: int) -> None:
        """A random moment of the work; at the latest when ``at_most`` videos are complete, or a
        quick machine would have nothing left to do."""
        seconds = random.Random(f"{kind} {number}").uniform(0, WINDOW_S)
        began = time.monotonic()
        self.wait(lambda: time.monotonic() - began >= seconds or len(self.done) >= at_most)
        print(f"{kind}: {time.monotonic() - began:.2f} s after work began, {len(self.done)} done")

    def require_work(self, videos: int) -> None:
        """Fails if the run had come to its end already: what was killed was of no use any more."""
        self.look()
        assert self.process.poll() is None and len(self.done) < videos, self.text()

    def kill(self) -> None:
        """kill -9 of the command, which must still be running."""
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL, self.text()
        self.look()

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


def check(watched: Watched, expected: dict[str, bytes], versions: int = 1) -> None:
    """All features, bit for bit; each written once, and not read again then; no other file."""
    stored = {path.stem: np.load(path).tobytes() for path in watched.out.glob("*.npy")}
    assert stored == expected
    assert {name: len(times) for name, times in watched.versions.items()} == dict.fromkeys(
        expected, versions
    )
    assert watched.opened and not watched.reread
    assert FeatureFolder(watched.out).ids() == sorted(expected)
    files = {path.relative_to(watched.out).as_posix() for path in watched.out.rglob("*.*")}
    wanted = {f"{name}.npy" for name in expected} | {f"provenance/{name}.json" for name in expected}
    assert files == wanted | {"provenance.json"}


def processes(root: int, *titles: str) -> list[psutil.Process]:
    """Processes below ``root`` whose command line begins with one of ``titles``."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        try:
            if " ".join(process.cmdline()).startswith(titles):
                found.append(process)
        except psutil.Error:
            continue
    return found


def oldest(root: int, part: str) -> psutil.Process:
    """The oldest process below ``root`` of this name, or with this word in its command line; what
    a raylet forks has its name until it is another program."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if part in (process.name(), *process.cmdline()):
                found.append((process.create_time(), process.pid, process))
    return min(found)[2]


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
    """A decode worker that is killed reads a video, a raylet has workers at work below it."""
    cluster = ray_cluster()
    run = Watched(tmp_path, cluster.environment, "--ray-address", cluster.address)

    def victims() -> list[psutil.Process]:
        if part != "raylet":
            return processes(cluster.root, TITLES[part])
        return [psutil.Process(pid) for pid in cluster.raylets[1:] if processes(pid, *titles)]

    titles = TITLES.values()
    run.wait(lambda: processes(cluster.root, TITLES["decode worker"]))
    # Reading is ahead of the backbone: it may have ended long before the last video has.
    run.wait_for_moment(part, number, 1 if part == "decode worker" else VIDEOS - 2)
    random.Random(number).choice(run.wait(victims)).kill()
    run.require_work(VIDEOS)
    assert f"{VIDEOS} extracted" in run.finish()
    check(run, expected)


MARK = "AQA_TEST_RUN"


def wait_until_gone(mark: str) -> None:
    """Until no process is left of a run with this mark in its environment."""
    deadline = time.monotonic() + 60
    while (left := still_there(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left


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
    """Of a video that was complete not even the file is opened again."""
    mark = f"driver {os.getpid()} {number}"
    run = Watched(tmp_path, os.environ | {MARK: mark})
    run.wait(lambda: run.done)
    run.wait_for_moment("driver", number, VIDEOS - 2)
    run.kill()
    complete = set(run.done)
    assert len(complete) < VIDEOS
    wait_until_gone(mark)
    again = Watched(tmp_path, dict(os.environ), before=run)
    text = again.finish()
    counts = f"{VIDEOS - len(complete)} extracted, {len(complete)} complete before, 0 failed"
    assert counts in text
    check(again, expected)
    assert again.opened == set(expected) - complete and not run.reread


@pytest.mark.parametrize("number", MOMENTS)
def test_a_ray_on_this_machine_that_dies_is_started_again(
    number: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Its node, its head, or the process that drives it; the command goes on by itself."""
    few = dict(list(expected.items())[:DRAWN])
    for name in expected.keys() - few:
        (tmp_path / f"in/{name}.mp4").unlink()
    part = ("raylet", "gcs_server", "pipeline.cluster.driver")[number % 3]
    run = Watched(tmp_path, dict(os.environ), "--decoders", "1", "--workers", "1")
    run.wait(lambda: run.done)
    run.wait_for_moment(f"own {part}", number, len(few) - 1)
    oldest(run.process.pid, part).kill()
    run.require_work(len(few))
    text = run.finish()
    assert "warning: the run broke off (" in text
    assert f"{len(few)} extracted" in text
    check(run, few)


@pytest.mark.parametrize("number", MOMENTS)
def test_an_overwriting_run_that_was_killed_goes_on(
    number: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Three videos with features that are to be replaced: each is, once, in two runs together."""
    few = dict(list(expected.items())[:3])
    old, origin = FeatureFolder(tmp_path / "out"), feature_origin(SPEC)
    old.write_origin(origin, {})
    for name in expected:
        video = tmp_path / f"in/{name}.mp4"
        if name in few:
            old.save(name, np.zeros((2, 48)), origin, {"source": source_stamp(video)})
        else:
            video.unlink()
    mark = f"overwriting {os.getpid()} {number}"
    options = ("--overwrite", "--decoders", "1", "--workers", "1")
    run = Watched(tmp_path, os.environ | {MARK: mark}, *options)
    run.wait(lambda: run.done)
    run.wait_for_moment("overwriting", number, 2)
    run.kill()
    replaced = set(run.done)
    assert 0 < len(replaced) < len(few)
    wait_until_gone(mark)
    again = Watched(tmp_path, dict(os.environ), *options, before=run)
    text = again.finish()
    assert "going on with the overwriting extraction of" in text
    assert f"{len(few) - len(replaced)} extracted, {len(replaced)} complete before" in text
    check(again, few, versions=2)
    assert again.opened == set(few) - replaced and not run.reread
    assert old.overwriting() is None
