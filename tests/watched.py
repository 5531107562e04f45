"""An ``extract`` that is watched while it runs: what it wrote and when, and what it read."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from quick import COMMAND, MINI

from aqa.data.features import FeatureFolder

LIMIT_S = 240


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
            [COMMAND, "extract", "--videos", "in", "--output", "out", *MINI, *options],
            cwd=folder,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def done(self) -> set[str]:
        """Videos whose features are complete."""
        return {name for name, times in self.versions.items() if len(times) >= self._whole}

    def in_order_of_completion(self) -> list[str]:
        return sorted(self.done, key=lambda name: max(self.versions[name]))

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

    def wait_for_moment(self, number: int, at_least: int, at_most: int) -> None:
        """Until so many videos are complete: another number of these at each moment."""
        wanted = at_least + number % (at_most - at_least + 1)
        self.wait(lambda: self.opened and len(self.done) >= wanted)
        print(f"moment {number}: {wanted} were to be done, {len(self.done)} are")

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


def check(
    watched: Watched,
    expected: dict[str, bytes],
    versions: int = 1,
    read_once: Set[str] | None = None,
) -> None:
    """All features, bit for bit; each written once; no other file. Of ``read_once``, by default all
    of them, none was read again when it was complete."""
    if read_once is None:
        read_once = expected.keys()
    stored = {path.stem: np.load(path).tobytes() for path in watched.out.glob("*.npy")}
    assert stored == expected
    assert {name: len(times) for name, times in watched.versions.items()} == dict.fromkeys(
        expected, versions
    )
    assert watched.opened and not watched.reread & read_once
    assert FeatureFolder(watched.out).ids() == sorted(expected)
    files = {path.relative_to(watched.out).as_posix() for path in watched.out.rglob("*.*")}
    wanted = {f"{name}.npy" for name in expected} | {f"provenance/{name}.json" for name in expected}
    assert files == wanted | {"provenance.json"}


def processes(root: int, *titles: str) -> list[psutil.Process]:
    """Processes below ``root`` with one of ``titles`` in their command line."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        try:
            command = " ".join(process.cmdline())
            if any(title in command for title in titles):
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
