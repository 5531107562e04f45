"""Pillow's bits, whatever the frame, the box and the target; by the kernel and without it."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from extractors.resampling import Box, antialiased, compiled, resample


def pillow(frame: np.ndarray, size: tuple[int, int], box: Box | None) -> np.ndarray:
    """Across and then down, which Pillow does in this order by itself before version 13."""
    height, width = frame.shape[:2]
    box = box or (0, 0, width, height)
    image, how = Image.fromarray(frame), Image.Resampling.BILINEAR
    across = image.resize((size[0], height), how, box=(box[0], 0, box[2], height))
    return np.asarray(across.resize(size, how, box=(0, box[1], size[0], box[3])))


def drawn(random: np.random.Generator) -> tuple[np.ndarray, tuple[int, int], Box]:
    """A frame of some size, some with hard edges; a target; a box with any fractions."""
    height, width = (int(side) for side in random.integers(1, 400, 2))
    frame = random.integers(0, 256, (height, width, 3), np.uint8)
    if random.random() < 0.3:
        frame = np.where(frame > 127, np.uint8(255), np.uint8(0))
    size = tuple(int(side) for side in random.integers(1, 260, 2))
    left, right = sorted(random.random(2) * width)
    top, bottom = sorted(random.random(2) * height)
    return frame, size, (left, top, max(right, left + 1e-3), max(bottom, top + 1e-3))


def test_has_pillows_bits_on_any_frame() -> None:
    random = np.random.default_rng(0)
    for _ in range(150):
        frame, size, box = drawn(random)
        if box[2] > frame.shape[1] or box[3] > frame.shape[0]:
            continue
        assert np.array_equal(resample(frame, size, box), pillow(frame, size, box)), (size, box)
        assert np.array_equal(resample(frame, size), pillow(frame, size, None)), size


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (3840, 2160), (320, 568), (3, 900)])
def test_has_pillows_bits_on_usual_sizes(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    side = min(size)
    box = (size[0] / 2 - side * 0.4375, size[1] / 2 - side * 0.4375,
           size[0] / 2 + side * 0.4375, size[1] / 2 + side * 0.4375)  # fmt: skip
    assert np.array_equal(resample(frame, (224, 224), box), pillow(frame, (224, 224), box))
    white = np.full_like(frame, 255)
    assert resample(white, (224, 224), box).min() == 255  # no sum leaves the range


def test_one_call_of_pillow_gives_the_same_on_wide_frames() -> None:
    frame = np.random.default_rng(4).integers(0, 256, (360, 640, 3), np.uint8)
    box = (162.5, 22.5, 477.5, 337.5)
    image = Image.fromarray(frame).resize((224, 224), Image.Resampling.BILINEAR, box=box)
    assert np.array_equal(resample(frame, (224, 224), box), np.asarray(image))


@pytest.mark.parametrize("kind", [np.float32, np.int8])
def test_refuses_what_is_no_frame(kind: type) -> None:
    with pytest.raises(TypeError, match="no frame"):
        resample(np.zeros((9, 9, 3), kind), (4, 4))
    with pytest.raises(TypeError, match="no frame"):
        resample(np.zeros((9, 9, 4), np.uint8), (4, 4))
    with pytest.raises(ValueError, match="frame of 9 x 9"):
        resample(np.zeros((9, 9, 3), np.uint8), (4, 4), (0, 0, 9.5, 9))


def test_takes_frames_that_were_turned_or_mirrored() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (90, 160, 3), np.uint8)
    for view in (frame[::-1], frame[:, ::-1], np.rot90(frame), frame[::2, ::3], frame[..., ::-1]):
        assert np.array_equal(resample(view, (61, 47)), pillow(view.copy(), (61, 47), None))


def test_without_the_kernel_the_bits_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.random.default_rng(3).integers(0, 256, (120, 90, 3), np.uint8)
    box = (3.3, 0.0, 80.1, 111.7)
    before = resample(frame, (64, 50), box)
    monkeypatch.setattr(antialiased, "LIBRARY", Path("none.so"))
    antialiased._kernel.cache_clear()
    try:
        assert not compiled()
        assert np.array_equal(resample(frame, (64, 50), box), before)
        assert np.array_equal(resample(frame[::-1], (64, 50)), pillow(frame[::-1], (64, 50), None))
    finally:
        monkeypatch.undo()
        antialiased._kernel.cache_clear()


def test_it_is_compiled_where_it_can_be() -> None:
    processor = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not processor.exists():
        pytest.skip("the kernel is for x86-64, elsewhere Pillow does its work")
    if shutil.which("cc") is None or " avx2 " not in processor.read_text():
        pytest.skip("no compiler, or a processor without AVX2: Pillow does the kernel's work")
    assert compiled()
