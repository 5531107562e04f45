"""Faults of the machine during an extraction: what is finished is kept, a line says what to do."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from click.testing import Result as CliResult
from quick import COMMAND, TINY

from aqa.data.features import FeatureFolder

Cli = Callable[..., CliResult]
HERE = ("--ray-address", "none", "--workers", "1", "--decoders", "1")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("only root, on Linux, can make a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up(
    cli: Cli, small_disk: Path, routine_video: Callable[..., Path]
) -> None:
    for number in range(8):
        routine_video(f"in/{number}.mp4", elements=2)
    command = ("extract", "--videos", "in", *TINY, *HERE, "--output")
    done = cli(*command, small_disk / "out")
    assert done.exit_code == 2 and "Traceback" not in done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "No space left on device, 0.0 MiB free; what is finished is kept" in line
    kept = FeatureFolder(small_disk / "out").ids()
    assert 0 < len(kept) < 8
    for video_id in kept:
        assert np.load(small_disk / f"out/{video_id}.npy").shape[0] == 2
    assert not list(small_disk.rglob("*.tmp"))


def test_what_vanishes_in_the_middle_is_not_counted(
    cli: Cli, routine_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = FeatureFolder.save

    def saved(folder: FeatureFolder, video_id: str, *arguments: Any) -> None:
        save(folder, video_id, *arguments)
        if video_id == "b":
            folder.path("a").unlink()

    monkeypatch.setattr(FeatureFolder, "save", saved)
    for name in "abc":
        routine_video(f"in/{name}.mp4", elements=1)
    command = ("extract", "--videos", "in", *TINY, *HERE, "--output", "out")
    done = cli(*command)
    assert done.exit_code == 1 and "2 extracted, 0 complete before, 1 failed: out" in done.output
    assert "error: in/a.mp4: its features are gone from out: who removed them?" in done.stderr
    monkeypatch.setattr(FeatureFolder, "save", save)
    assert "1 extracted, 2 complete before, 0 failed: out" in cli(*command).output


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_command_that_is_told_to_end(
    routine_video: Callable[..., Path],
    tmp_path: Path,
    number: signal.Signals,
    status: int,
    said: str,
) -> None:
    routine_video("in/0.mp4", elements=1)
    routine_video("in/1.mp4", elements=120)
    command = subprocess.Popen(
        [COMMAND, "extract", "--videos", "in", *TINY, *HERE, "--output", "out"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background ignores it, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (tmp_path / "out/0.npy").exists():
        assert command.poll() is None
        time.sleep(0.01)
    started = psutil.Process(command.pid).children(recursive=True)
    command.send_signal(number)
    assert command.communicate(timeout=10)[1].splitlines()[-1] == (
        f"error: {said}; what is finished is kept, the same command does the rest"
    )
    assert command.returncode == status
    assert not psutil.wait_procs(started, timeout=5)[1]
    assert FeatureFolder(tmp_path / "out").ids() == ["0"]


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", f'rmdir "$PWD" && exec "{COMMAND}" extract --videos in'],
        cwd=gone,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "error: the working directory is gone: change to one that is there\n"


def test_a_disk_that_becomes_read_only(
    cli: Cli, routine_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Linux does it after an error: while a file there is open for writing nobody else can."""
    save = FeatureFolder.save

    def saved(folder: FeatureFolder, video_id: str, *arguments: Any) -> None:
        if video_id != "a":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder.path(video_id)))
        save(folder, video_id, *arguments)

    monkeypatch.setattr(FeatureFolder, "save", saved)
    for name in "abc":
        routine_video(f"in/{name}.mp4", elements=1)
    command = ("extract", "--videos", "in", *TINY, *HERE, "--output", "out")
    done = cli(*command)
    assert done.exit_code == 2 and "Traceback" not in done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "out/b.npy: Read-only file system; what is finished is kept" in line
    assert FeatureFolder("out").ids() == ["a"]
    monkeypatch.setattr(FeatureFolder, "save", save)
    assert "2 extracted, 1 complete before, 0 failed" in cli(*command).output


def test_memory_that_is_short_in_the_process_that_reads(
    cli: Cli, routine_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux kills it: the video in work is read on by another process, no bit differs."""
    killed, save = [], FeatureFolder.save

    def saved(folder: FeatureFolder, video_id: str, *arguments: Any) -> None:
        save(folder, video_id, *arguments)
        if video_id not in "ad":  # a video whose process dies twice is given up
            return
        for child in psutil.Process().children(recursive=True):
            if any("extractors/clips/worker.py" in part for part in child.cmdline()):
                child.kill()
                killed.append(child.pid)

    for name in "abcdefghijklmnop":  # some are still to be read when d is done
        routine_video(f"in/{name}.mp4", elements=3)
    command = ("extract", "--videos", "in", *TINY, *HERE, "--output")
    assert "16 extracted" in cli(*command, "quiet").output
    monkeypatch.setattr(FeatureFolder, "save", saved)
    done = cli(*command, "out")
    assert len(killed) >= 2 and "16 extracted, 0 complete before, 0 failed" in done.output
    for name in "abcdef":
        assert Path(f"out/{name}.npy").read_bytes() == Path(f"quiet/{name}.npy").read_bytes()


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_jumps(
    cli: Cli, routine_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """It is set in the middle of the run; limits and counts go by another clock."""
    real, jumped, save = time.time, [], FeatureFolder.save

    def saved(folder: FeatureFolder, video_id: str, *arguments: Any) -> None:
        save(folder, video_id, *arguments)
        jumped.append(video_id)

    monkeypatch.setattr(FeatureFolder, "save", saved)
    monkeypatch.setattr(time, "time", lambda: real() + 3600 * hours * bool(jumped))
    for name in "abc":
        routine_video(f"in/{name}.mp4", elements=1)
    command = ("extract", "--videos", "in", *TINY, *HERE, "--output", "out")
    done = cli(*command)
    assert done.exit_code == 0 and "3 extracted, 0 complete before, 0 failed" in done.output
    assert len(jumped) == 3
    assert "0 extracted, 3 complete before, 0 failed" in cli(*command).output


def test_many_short_videos_take_no_more_than_a_few(
    cli: Cli, routine_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open files and memory, of this process and the one that reads, after a fifth of the videos
    and at the end; with AQA_FAULT_VIDEOS=2000 (make test-faults) of two thousand."""
    count = int(os.environ.get("AQA_FAULT_VIDEOS", "40"))
    first = routine_video("in/0.mp4", elements=1)
    for number in range(1, count):
        os.link(first, first.with_name(f"{number}.mp4"))
    me, seen, save = psutil.Process(), [], FeatureFolder.save

    def saved(folder: FeatureFolder, video_id: str, *arguments: Any) -> None:
        save(folder, video_id, *arguments)
        everyone = [me, *me.children(recursive=True)]
        resident = sum(process.memory_info().rss for process in everyone)
        seen.append((sum(process.num_fds() for process in everyone), resident / 2**20))

    monkeypatch.setattr(FeatureFolder, "save", saved)
    done = cli("extract", "--videos", "in", *TINY, *HERE, "--output", "out")
    assert f"{count} extracted, 0 complete before, 0 failed" in done.output
    early, late = np.array(seen[count // 5 : 2 * count // 5]), np.array(seen[-count // 5 :])
    print(f"descriptors, MiB: {np.median(early, axis=0)} early, {np.median(late, axis=0)} late")
    assert np.median(late[:, 0]) <= np.median(early[:, 0]) + 2
    assert np.median(late[:, 1]) <= np.median(early[:, 1]) + 40
