"""Videos whose frames carry their own index, written in many ways."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from extractors.clips import process as reading

ROWS, COLUMNS = 3, 4  # 12 bits: indices up to 4095


def draw_index(index: int, width: int, height: int) -> np.ndarray:
    """uint8 RGB [height, width, 3]: a grid of dark and bright fields, the bits of the index."""
    bits = (index >> np.arange(ROWS * COLUMNS)) & 1
    fields = np.where(bits, 215, 40).astype(np.uint8).reshape(ROWS, COLUMNS)
    rows = np.arange(height) * ROWS // height
    columns = np.arange(width) * COLUMNS // width
    return np.ascontiguousarray(np.repeat(fields[rows][:, columns, None], 3, axis=2))


def read_index(frame: np.ndarray) -> int:
    """The index that ``draw_index`` drew, from a frame of any size."""
    height, width = frame.shape[:2]
    rows = (2 * np.arange(ROWS) + 1) * height // (2 * ROWS)
    columns = (2 * np.arange(COLUMNS) + 1) * width // (2 * COLUMNS)
    bits = frame[rows][:, columns].mean(axis=2).ravel() > 128
    return int((bits << np.arange(bits.size)).sum())


@pytest.fixture(scope="session")
def read_indices() -> Callable[[Iterable[np.ndarray]], list[int]]:
    """``read_indices(frames)``: the index drawn into each frame."""
    return lambda frames: [read_index(frame) for frame in frames]


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """``make_video("a.mp4", 40, fps=30)`` writes frames 0..39, each with its index drawn in."""

    def make(
        name: str,
        frames: int,
        *,
        fps: int | Fraction = 25,
        size: tuple[int, int] = (64, 48),  # width, height
        codec: str = "libx264",
        pixels: str = "yuv420p",
        options: dict[str, str] | None = None,
        times_ms: Sequence[int] | None = None,
        rotation: int = 0,
        muxer: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options=muxer or {}) as file:
            stream = file.add_stream(codec, rate=fps)
            stream.width, stream.height, stream.pix_fmt = *size, pixels
            stream.options = options or {}
            if rotation:
                stream.set_display_rotation(rotation)
            if times_ms is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            for index in range(frames):
                frame = av.VideoFrame.from_ndarray(draw_index(index, *size), format="rgb24")
                if times_ms is not None:
                    frame.pts, frame.time_base = times_ms[index], Fraction(1, 1000)
                file.mux(stream.encode(frame))
            file.mux(stream.encode())
        return path

    return make


@pytest.fixture
def make_audio(tmp_path: Path) -> Callable[[str], Path]:
    """A file of the given name that holds half a second of silence and no picture."""

    def make(name: str) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as file:
            stream = file.add_stream("aac", rate=44100, layout="mono")
            for start in range(0, 22528, 1024):
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                frame.sample_rate, frame.pts = 44100, start
                file.mux(stream.encode(frame))
            file.mux(stream.encode())
        return path

    return make


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """``gone(pid)``: no such process runs any more."""

    def is_gone(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return is_gone


@pytest.fixture
def soon() -> Callable[[Callable[[], bool]], bool]:
    """``soon(holds)``: whether it does within ten seconds."""

    def wait(holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 10
        while not holds() and time.monotonic() < deadline:
            time.sleep(0.02)
        return holds()

    return wait


@pytest.fixture
def fresh_process() -> Iterator[None]:
    """No process is kept from before the test, none of the test's after it."""
    reading.end_resting_process()
    yield
    reading.end_resting_process()
