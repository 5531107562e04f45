"""Ray refused; own data whose features decide the score; models compared; damaged footage."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.extraction.runs import automatic


@pytest.fixture(autouse=True)
def ray_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the folder real_ray no process that a test starts can import Ray: the test fails."""
    folder = Path(__file__).parent / "without_ray"
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """``extract`` works in this process where it is not told where, as on a machine with one CPU:
    for tests whose subject is not Ray."""
    monkeypatch.setattr(automatic, "usable_cpus", lambda: 1)


@pytest.fixture
def damaged(routine_video: Callable[..., Path]) -> Path:
    """``in/damaged.mp4``, beside ``whole.mp4`` of 19.2 s: a tenth of it, from its middle on, is
    noise; it opens, and its end is as good as its beginning."""
    data = bytearray(routine_video("whole.mp4", elements=30).read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") if data.index(b"moov") > begin else len(data)
    spoiled, length = begin + (end - begin) // 2, (end - begin) // 10
    data[spoiled : spoiled + length] = np.random.default_rng(0).bytes(length)
    path = routine_video("in/damaged.mp4", elements=1)
    path.write_bytes(data)
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """``in/frames``, a folder of 50 images, each of another grey."""
    folder = tmp_path / "in/frames"
    folder.mkdir(parents=True)
    for number in range(50):
        grey = np.full((24, 32, 3), 5 * number, np.uint8)
        assert cv2.imwrite(str(folder / f"{number:05d}.png"), grey)
    return folder


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The machine's folder for temporary files, empty; Ray's sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="aqa") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)
