"""Frames from a video with decord, in a child process that can be killed."""

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
from pathlib import Path

import numpy as np

from extractors.container import Container

STALL_LIMIT_S = 60.0
# A child process takes about half a second to start; PyAV reads this many frames meanwhile.
WORTH_FRAMES = 250
_WORKER = Path(__file__).with_name("decord_worker.py")
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ, which Python names on Linux only


class DecordFailed(Exception):
    """decord could not read on; the text says why.  PyAV may."""


def available() -> bool:
    """Whether decord is installed (it has wheels for x86-64 only)."""
    return sys.platform == "linux" and importlib.util.find_spec("decord") is not None


def read_frames(container: Container, indices: Sequence[int]) -> Iterator[np.ndarray]:
    """The frames at these strictly increasing indices: uint8 RGB [height, width, 3].

    DecordFailed if it fails, or gives nothing for STALL_LIMIT_S.  Closing the iterator kills the
    child.  The child runs only while its next frame is waited for: left alone, decord decodes
    ahead without bound (400 frames of 720p took 1 GB).
    """
    child = subprocess.Popen(
        [sys.executable, "-I", str(_WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        fcntl.fcntl(child.stdout, _F_SETPIPE_SZ, _PIPE_BYTES)
        job = {"path": str(container.path.resolve()), "indices": [int(i) for i in indices]}
        child.stdin.write(json.dumps(job | {"import_path": sys.path}).encode())
        child.stdin.close()
        height, width = struct.unpack("<II", _message(child, b"S", 8))
        for _ in indices:
            child.send_signal(signal.SIGCONT)
            pixels = _message(child, b"F", height * width * 3)
            child.send_signal(signal.SIGSTOP)
            yield np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    except BrokenPipeError as error:
        raise DecordFailed("its process ended at once") from error
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _message(child: subprocess.Popen, kind: bytes, size: int) -> bytearray:
    """The body of the next message of this kind."""
    while (got := bytes(_receive(child, 1))) == b".":
        pass
    if got == b"E":
        text = re.sub(r" @ 0x[0-9a-f]+", "", child.stdout.read().decode(errors="replace"))
        raise DecordFailed(" ".join(text.split())[:200] or "no reason given")
    if got != kind:
        raise DecordFailed(f"its process sent {got!r}, expected {kind!r}")
    return _receive(child, size)


def _receive(child: subprocess.Popen, size: int) -> bytearray:
    """Exactly ``size`` bytes, as long as some arrive within STALL_LIMIT_S."""
    buffer, filled = bytearray(size), 0
    view, pipe = memoryview(buffer), child.stdout.fileno()
    while filled < size:
        if not select.select([pipe], [], [], STALL_LIMIT_S)[0]:
            raise DecordFailed(f"it gave nothing for {STALL_LIMIT_S:g} s")
        count = os.readv(pipe, [view[filled:]])
        if count == 0:
            raise DecordFailed("its process ended")
        filled += count
    return buffer
