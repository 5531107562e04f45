"""Frames from a video with decord, in a process of its own that is stopped between frames and can
be killed."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extractors.readers.container import Container
from extractors.readers.progress import STALL_LIMIT_S, Progress, unobserved

_WORKER = Path(__file__).with_name("decord_worker.py")
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ, which Python names on Linux only


class DecordFailed(Exception):
    """decord could not read on; the text says why.  PyAV may."""


def decord_available() -> bool:
    """Whether decord is installed (it has wheels for x86-64 only)."""
    return sys.platform == "linux" and importlib.util.find_spec("decord") is not None


def read_with_decord(
    container: Container,
    indices: Sequence[int],
    stall_limit_s: float = STALL_LIMIT_S / 2,
    progress: Progress = unobserved,
) -> Iterator[np.ndarray]:
    """The frames at these strictly increasing indices: uint8 RGB [height, width, 3].

    DecordFailed if it fails, or gives nothing for ``stall_limit_s``.  Closing the iterator kills
    the child.  The child runs only while its next frame is waited for: left alone, decord decodes
    ahead without bound (400 frames of 720p took 1 GB).
    """
    child = subprocess.Popen(
        [sys.executable, "-I", str(_WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    answers = _Answers(child, stall_limit_s, progress)
    try:
        fcntl.fcntl(child.stdout, _F_SETPIPE_SZ, _PIPE_BYTES)
        job = {"path": str(container.path.resolve()), "indices": [int(i) for i in indices]}
        child.stdin.write(json.dumps(job | {"import_path": sys.path}).encode())
        child.stdin.close()
        height, width = struct.unpack("<II", answers.next(b"S", 8))
        for _ in indices:
            child.send_signal(signal.SIGCONT)
            pixels = answers.next(b"F", height * width * 3)
            child.send_signal(signal.SIGSTOP)
            yield np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    except BrokenPipeError as error:
        raise DecordFailed("its process ended at once") from error
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@dataclass(frozen=True)
class _Answers:
    child: subprocess.Popen
    stall_limit_s: float
    progress: Progress

    def next(self, kind: bytes, size: int) -> bytearray:
        """The body of the next message of this kind."""
        while (got := bytes(self._receive(1))) == b".":
            pass
        if got == b"E":
            text = self.child.stdout.read().decode(errors="replace")
            text = " ".join(re.sub(r" @ 0x[0-9a-f]+", "", text).split())
            raise DecordFailed(text[:200] or "no reason given")
        if got != kind:
            raise DecordFailed(f"its process sent {got!r}, expected {kind!r}")
        return self._receive(size)

    def _receive(self, size: int) -> bytearray:
        """Exactly ``size`` bytes, as long as some arrive within the limit."""
        buffer, filled = bytearray(size), 0
        view, pipe = memoryview(buffer), self.child.stdout.fileno()
        while filled < size:
            if not select.select([pipe], [], [], self.stall_limit_s)[0]:
                raise DecordFailed(f"it gave nothing for {self.stall_limit_s:g} s")
            count = os.readv(pipe, [view[filled:]])
            if count == 0:
                raise DecordFailed("its process ended")
            filled += count
            self.progress()
        return buffer
