"""The command on a real terminal, and the same command beside it on the same folder.

One run serves all tests: of three videos one is good, one is none, one was complete before.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from quick import COMMAND, MINI, SPEC

from aqa.data.features import FeatureFolder
from pipeline.demo.drawn import random_routine, write_video
from pipeline.extraction.folder.claims import LOCK_NAME
from pipeline.extraction.folder.origin import feature_origin
from pipeline.extraction.stages.assembly import Finished
from pipeline.footage.stamps import source_stamp

EXTRACT = [COMMAND, "extract", "--videos", "in", "--output", "out", *MINI]
EXTRACT += ["--workers", "1", "--decoders", "1"]
LIMIT_S = 240
# What would decide instead of the terminal, and of the command.
UNSET = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES")
UNSET += ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


class OnTerminal:
    """A command whose input and output are a terminal of 100 columns, and all that it showed."""

    def __init__(self, command: list[str], folder: Path) -> None:
        environment = {name: os.environ[name] for name in os.environ if name not in UNSET}
        self._end, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment | {"TERM": "xterm"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        self.shown = b""

    def read_until(self, reached: Callable[[], object]) -> None:
        """Goes on reading; fails after ``LIMIT_S``."""
        deadline = time.monotonic() + LIMIT_S
        while not reached():
            assert time.monotonic() < deadline, self.shown.decode()
            self._read(0.05)

    def close(self) -> str:
        """What it showed, without colours and movements of the cursor."""
        while self._read(0.5):
            pass
        os.close(self._end)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", self.shown.decode())
        lines = re.split(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]+", plain)
        return "\n".join(line.rstrip() for line in lines if line.strip())

    def _read(self, wait_s: float) -> bytes:
        part = b""
        if select.select([self._end], [], [], wait_s)[0]:
            try:
                part = os.read(self._end, 1 << 16)
            except OSError:  # nobody has the other end any more
                time.sleep(wait_s)
        self.shown += part
        return part


@dataclass(frozen=True)
class Ran:
    """``second`` was started when the folder was claimed by the first; ``ray`` is the environment
    of the first one's raylet."""

    folder: Path
    shown: str
    status: int
    second: subprocess.CompletedProcess[str]
    ray: dict[str, str]
    good: bytes  # the features of the good video, from this process


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, alone: Callable[..., Finished]) -> Ran:
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "in").mkdir()
    for name, elements in (("good", 20), ("old", 1)):
        rng = np.random.default_rng(0)
        write_video(folder / f"in/{name}.mp4", random_routine(rng, elements), rng)
    (folder / "in/text.mp4").write_text("these are words")
    before, origin = FeatureFolder(folder / "out"), feature_origin(SPEC)
    before.write_origin(origin, {})
    before.save("old", np.ones((1, 48)), origin, {"source": source_stamp(folder / "in/old.mp4")})
    first, ray = OnTerminal(EXTRACT, folder), {}
    first.read_until((folder / "out" / LOCK_NAME).exists)
    second = subprocess.Popen(
        EXTRACT, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def ended() -> bool:
        ray.update(ray or environment_of_raylet(first.process.pid))
        return first.process.poll() is not None

    first.read_until(ended)
    output, errors = second.communicate(timeout=LIMIT_S)
    refused = subprocess.CompletedProcess(EXTRACT, second.returncode, output, errors)
    features = alone(folder / "in/good.mp4").features.tobytes()
    return Ran(folder, first.close(), first.process.returncode, refused, ray, features)


def environment_of_raylet(root: int) -> dict[str, str]:
    try:
        below = psutil.Process(root).children(recursive=True)
        return next((child.environ() for child in below if child.name() == "raylet"), {})
    except psutil.Error:
        return {}


def test_the_second_of_two_commands_is_refused_and_says_so(ran: Ran) -> None:
    assert ran.second.returncode == 2
    (line,) = ran.second.stderr.splitlines()
    assert re.fullmatch(
        r"error: out is being written by another extract \(pid \d+ on .* since .*\): "
        "wait for it, or choose another --output",
        line,
    )


def test_the_first_of_two_commands_ends_as_if_it_were_alone(ran: Ran) -> None:
    assert ran.status == 1  # one video is none
    out = ran.folder / "out"
    assert (out / "good.npy").exists() and np.load(out / "good.npy").tobytes() == ran.good
    assert np.load(out / "old.npy").tolist() == np.ones((1, 48)).tolist()  # not computed again
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "good.npy", "old.npy", "provenance/good.json", "provenance/old.json", "provenance.json",
        "failures.jsonl",
    }  # fmt: skip


def test_the_live_view(ran: Ran) -> None:
    """It is drawn while Ray starts, and again when the last row has come."""
    assert re.search(r"extract .* 0 of 2 videos, \d:\d\d", ran.shown)
    assert "0 done, 0 failed, 1 complete before\nRay starts ..." in ran.shown
    assert re.search(r"extract .* 2 of 2 videos, \d:\d\d", ran.shown)
    assert "1 done, 1 failed, 1 complete before" in ran.shown
    speed = r"20 clips, [\d.]+ clips/s, decoding \d+% busy, backbone \d+% busy, 0:00 left"
    assert re.search(speed, ran.shown)


def test_failures_and_summary_on_a_terminal(ran: Ran) -> None:
    ending = ran.shown[ran.shown.index("failed\n") :]
    # the path of a test's folder may be longer than a line of the table, and is cut anywhere
    cells = [row.split("│") for row in ending.splitlines() if row.startswith("│")]
    assert cells[0][1].strip() == "text"
    reason = "".join("".join(row[2] for row in cells).split())
    assert "text.mp4:novideothatcanberead" in reason
    check_summary(ending)
    assert ending.endswith("1 extracted, 1 complete before, 1 failed: out")


def test_a_local_ray_has_a_token_of_its_own(ran: Ran) -> None:
    assert ran.ray["RAY_AUTH_MODE"] == "token" and len(ran.ray["RAY_AUTH_TOKEN"]) == 64


def check_summary(text: str) -> None:
    limit = "both stages were|neither stage was|the decoding was|the backbone was"
    busy = r"\(1 reader \d+% busy and 1 worker \d+% busy\)"
    assert re.search(
        rf"20 clips in \d:\d\d, [\d.]+ clips/s once started; ({limit}) the limit.* {busy}", text
    )
