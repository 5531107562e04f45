"""Extraction in this process: the same bits, and what dies or stalls on the way; without Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from quick import COMMAND, TINY, TINY_SPEC

from pipeline.cluster.session import RayOptions
from pipeline.errors import UsageError
from pipeline.extraction.runs import automatic, in_process
from pipeline.extraction.runs.automatic import Automatic
from pipeline.extraction.runs.in_process import InProcess
from pipeline.extraction.runs.meter import Meter
from pipeline.extraction.runs.runner import Watch
from pipeline.extraction.runs.supervise import OnRay
from pipeline.extraction.stages.assembly import Finished
from pipeline.extraction.stages.batch import Batch
from pipeline.extraction.stages.part import Part
from pipeline.extraction.stages.spec import ExtractionSpec
from pipeline.footage.videos import Video
from pipeline.workspace.console import Console

# A quick backbone, so that reading and what goes on between the threads take most of the time.
EXTRACT = [COMMAND, "extract", "--ray-address", "none", "--videos", "in", "--output", "out", *TINY]
EXTRACT += ["--workers", "1", "--decoders", "1"]
LIMIT_S = 120
Alone = Callable[..., Finished]


def done(
    videos: list[Video],
    runner: InProcess,
    spec: ExtractionSpec = TINY_SPEC,
    show: Callable[[], None] = lambda: None,
) -> dict[str, Finished]:
    watch = Watch(Meter(len(videos), 0), show, Console(quiet=True))
    return {video.id: video for video in runner(videos, spec, watch)}


def reading_processes(root: int | None = None) -> list[psutil.Process]:
    """Those below this process, or below another."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        try:
            if any(part.endswith("clips/worker.py") for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def videos(routine_video: Callable[..., Path], tmp_path: Path) -> list[Video]:
    """Three good ones, and one that is none."""
    found = [
        Video(name, routine_video(f"{name}.mp4", elements=elements, seed=elements))
        for name, elements in (("a", 9), ("b", 17), ("c", 2))
    ]
    (tmp_path / "text.mp4").write_text("these are words")
    return [*found[:1], Video("text", tmp_path / "text.mp4"), *found[1:]]


@pytest.fixture
def two_threads() -> Iterator[None]:
    """As where a user's own torch has them."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("workers", "decoders"), [(1, 1), (3, 1), (2, 4)])
def test_the_bits_of_one_thread(
    videos: list[Video], alone: Alone, workers: int, decoders: int
) -> None:
    found = done(videos, InProcess(workers, decoders))
    assert found.keys() == {"a", "b", "c", "text"}
    for video in videos:
        expected = alone(video.path, TINY_SPEC)
        assert bool(found[video.id].error) == bool(expected.error) == (video.id == "text")
        if not expected.error:
            assert found[video.id].features.tobytes() == expected.features.tobytes()
            assert found[video.id].record == expected.record
    assert torch.get_num_threads() == 2


def test_a_reading_process_that_is_killed_is_replaced(
    routine_video: Callable[..., Path], alone: Alone
) -> None:
    """In mid-video: when its first batch has been computed."""
    video = Video("v", routine_video("v.mp4", elements=60))
    expected, killed = alone(video.path, TINY_SPEC), []

    def kill_once() -> None:
        if not killed:
            killed.extend(reading_processes())
            for process in killed:
                process.kill()

    found = done([video], InProcess(1, 1), show=kill_once)["v"]
    assert killed and not found.error
    assert found.features.tobytes() == expected.features.tobytes()


def test_a_stall_is_one_failure(videos: list[Video], routine_video: Callable[..., Path]) -> None:
    stalling, stopped = Video("stalling", routine_video("stalling.mp4", elements=60)), []

    def stop_once() -> None:
        if not stopped:
            stopped.extend(reading_processes())
            for process in stopped:
                process.suspend()

    spec = replace(TINY_SPEC, stall_limit_s=1.0)
    found = done([stalling, *videos], InProcess(1, 1), spec, stop_once)
    assert "stalling.mp4: reading gave nothing for 1 s at about clip" in found["stalling"].error
    assert found["stalling"].tried == ("pyav",)
    assert [name for name in "abc" if found[name].error] == []
    assert not [process for process in stopped if process.is_running()]


def test_a_run_that_is_left_ends_its_threads(routine_video: Callable[..., Path]) -> None:
    class Left(Exception):
        pass

    def leave() -> None:
        raise Left

    before = threading.active_count()
    with pytest.raises(Left):
        done([Video("v", routine_video("v.mp4", elements=60))], InProcess(1, 1), show=leave)
    deadline = time.monotonic() + LIMIT_S
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_a_video_that_gives_too_little_is_a_failure(
    videos: list[Video], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = in_process.decode_batches

    def less(part: Part, spec: ExtractionSpec) -> Iterator[Batch]:
        batches = list(decode(part, spec))
        yield from batches[:-1] if part.video.id == "b" else batches

    monkeypatch.setattr(in_process, "decode_batches", less)
    found = done(videos, InProcess(1))
    assert "less than was there" in found["b"].error
    assert found["a"].features is not None and found["c"].features is not None


def test_no_backbone(videos: list[Video], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(spec: ExtractionSpec, workers: int) -> None:
        raise RuntimeError("CUDA out of memory\nTried to allocate")

    monkeypatch.setattr(in_process, "FeatureExtractor", full)
    words = r"^no backbone can be had in this process: RuntimeError: CUDA out of memory Tried to"
    with pytest.raises(UsageError, match=words):
        done(videos, InProcess())


def test_a_gpu_that_breaks_ends_the_command(videos: list[Video]) -> None:
    class Broken:
        broken = True

        def __call__(self, batch: Batch) -> Batch:
            return batch.computed(np.zeros((0, 2), np.float32), 0.1, "backbone: CUDA error: 700")

    with pytest.raises(UsageError, match="CUDA error: 700; the same command goes on with what"):
        done(videos, InProcess(1, 1, Broken()))


@pytest.mark.parametrize(
    ("device", "workers", "words"),
    [("cpu", 999, r"999 .* room for \d+ CPU worker"), ("cuda", 2, "room for 1 GPU worker$")],
)
def test_more_workers_than_there_is_room_for(
    videos: list[Video], device: str, workers: int, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        done(videos, InProcess(workers), replace(TINY_SPEC, device=device))


@pytest.mark.parametrize(
    ("count", "cpus", "device", "workers", "runner"),
    [
        (1, 8, "cpu", None, InProcess),
        (1, 8, "cuda", None, InProcess),
        (2, 1, "cpu", None, InProcess),
        (2, 1, "cuda", None, OnRay),
        (2, 2, "cpu", None, OnRay),
        (1, 8, "cuda", 2, OnRay),
    ],
)
def test_what_runs_where_nobody_says_so(
    count: int,
    cpus: int,
    device: str,
    workers: int | None,
    runner: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (automatic, in_process):
        monkeypatch.setattr(module, "usable_cpus", lambda: cpus)
    todo = [Video(str(number), Path("v.mp4")) for number in range(count)]
    spec, chooser = replace(TINY_SPEC, device=device), Automatic(RayOptions(workers=workers))
    said = chooser.announcement(todo, spec)
    assert said == runner(*([workers] * (runner is InProcess))).announcement(todo, spec)
    assert ("Ray" in said) == (runner is OnRay)


class Command:
    """A running ``extract``; every process that it starts carries a mark."""

    def __init__(self, folder: Path, mark: str) -> None:
        self.out, self._mark = folder / "out", mark
        self.process = subprocess.Popen(
            EXTRACT,
            cwd=folder,
            env=os.environ | {"AQA_TEST_RUN": mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell that runs the tests in the background ignores it, and so would the command.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def wait_for(self, features: int) -> None:
        deadline = time.monotonic() + LIMIT_S
        while len(list(self.out.glob("*.npy"))) < features and time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.stdout.read()
            time.sleep(0.01)

    def end(self, number: signal.Signals, limit_s: float) -> tuple[int, str]:
        """Status and what it said; fails where processes of it are left after ``limit_s``."""
        os.killpg(self.process.pid, number) if number == signal.SIGINT else self.process.kill()
        output = self.process.communicate(timeout=limit_s)[0]
        deadline = time.monotonic() + limit_s
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left
        return self.process.returncode, output

    def _left(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                marked = process.environ().get("AQA_TEST_RUN") == self._mark
                if marked and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def test_a_command_that_is_killed_or_interrupted_goes_on(
    routine_video: Callable[..., Path], alone: Alone, tmp_path: Path
) -> None:
    """After the first video kill -9, after the second Ctrl-C, in the middle of a long third;
    neither is computed again."""
    lengths = {"in/0.mp4": 20, "in/1.mp4": 60, "in/2.mp4": 120}
    paths = [routine_video(name, elements) for name, elements in lengths.items()]
    stored: dict[str, int] = {}

    def same_as_before() -> None:
        now = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.npy")}
        assert now | stored == now
        stored.update(now)

    killed = Command(tmp_path, f"killed {os.getpid()}")
    killed.wait_for(1)
    assert killed.end(signal.SIGKILL, 20)[0] == -signal.SIGKILL
    same_as_before()
    interrupted = Command(tmp_path, f"interrupted {os.getpid()}")
    interrupted.wait_for(2)
    status, said = interrupted.end(signal.SIGINT, 20)
    assert status == 130 and "error: interrupted; what is finished is kept" in said
    assert "Traceback" not in said
    same_as_before()
    assert 2 <= len(stored) < 3
    last = subprocess.run(EXTRACT, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S)
    assert last.returncode == 0, last.stdout + last.stderr
    assert "extracting in this process (1 video) ..." in last.stdout
    assert "1 extracted, 2 complete before, 0 failed" in last.stdout
    same_as_before()
    for path in paths:
        expected = alone(path, TINY_SPEC).features
        assert np.load(tmp_path / f"out/{path.stem}.npy").tobytes() == expected.tobytes()
