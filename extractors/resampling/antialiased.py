"""``resample``: by the compiled kernel where this processor can run it, else by Pillow.

Both give the same bits (tests/extractors/test_resampling.py).
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

# (left, top, right, bottom) in source pixels; need not be whole.
Box = tuple[float, float, float, float]

LIBRARY = Path(__file__).with_name("kernel.so")
_WEIGHT_BITS = 22
_LOW_BITS = 11
_ROWS = 4
_SPARE = 32


def resample(frame: np.ndarray, size: tuple[int, int], box: Box | None = None) -> np.ndarray:
    """uint8 RGB [height, width, 3] -> uint8 [size[1], size[0], 3]: its ``box``, bilinear.

    Antialiased: pixels beside the box count as far as the kernel reaches, as in Pillow's
    ``Image.resize``, whose bits these are. Always across first and then down, which the published
    features had of Pillow; since version 13 it chooses. TypeError for other frames, ValueError for
    a box that is not in the frame.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise TypeError(f"no frame of 8-bit RGB: {frame.dtype} {frame.shape}")
    height, width = frame.shape[:2]
    box = box or (0.0, 0.0, float(width), float(height))
    if not (0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height and min(size) > 0):
        raise ValueError(f"{size} from {box} of a frame of {width} x {height}")
    kernel = _kernel()
    if kernel is None:
        return _by_pillow(frame, size, box)
    x, y = _axis(width, box[0], box[2], size[0], 4), _axis(height, box[1], box[3], size[1], 2)
    if frame.strides[1:] != (3, 1):
        frame = np.ascontiguousarray(frame)
    part = frame[y.start : y.stop, x.start : x.stop]
    line_stride = 3 * max(x.stop - x.start + x.taps, size[0]) + _SPARE
    middle_stride = 3 * size[0] + _SPARE
    line = np.empty(_ROWS * line_stride, np.uint8)
    middle = np.empty((len(part) + _ROWS + y.taps) * middle_stride, np.uint8)
    target = np.empty((size[1], size[0], 3), np.uint8)
    kernel(
        part.ctypes.data, part.strides[0], 3 * part.shape[1], len(part), x.table, y.table,
        line.ctypes.data, line_stride, middle.ctypes.data, middle_stride, target.ctypes.data,
    )  # fmt: skip
    return target


def compiled() -> bool:
    """Whether the kernel is there and this processor can run it."""
    return _kernel() is not None


def _by_pillow(frame: np.ndarray, size: tuple[int, int], box: Box) -> np.ndarray:
    height = frame.shape[0]
    image, how = Image.fromarray(np.ascontiguousarray(frame)), Image.Resampling.BILINEAR
    across = image.resize((size[0], height), how, box=(box[0], 0, box[2], height))
    return np.asarray(across.resize(size, how, box=(0, box[1], size[0], box[3])))


class _Table(ctypes.Structure):
    _fields_ = (
        ("out", ctypes.c_int32),
        ("taps", ctypes.c_int32),
        ("first", ctypes.c_void_p),
        ("high", ctypes.c_void_p),
        ("low", ctypes.c_void_p),
    )


@dataclass(frozen=True, eq=False)
class _Axis:
    """One direction: which source pixels are needed, and the kernel's table of their weights.

    ``arrays`` are what ``table`` points to.
    """

    start: int
    stop: int
    taps: int
    table: _Table
    arrays: tuple[np.ndarray, ...]


@functools.lru_cache(64)
def _axis(size: int, start: float, stop: float, out: int, multiple: int) -> _Axis:
    """Of ``size`` source pixels those from ``start`` to ``stop`` become ``out``; the number of taps
    is a multiple of ``multiple``.

    The weights are Pillow's, step by step in its precision: a triangle as wide as a target pixel,
    in double precision (the box in single), made to add up to 1, then rounded to 22 bits.
    """
    start, span = float(np.float32(start)), float(np.float32(stop) - np.float32(start))
    scale = span / out
    reach = max(scale, 1.0)
    centres = start + (np.arange(out) + 0.5) * scale
    first = np.maximum((centres - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + reach + 0.5).astype(np.int64), size)
    taps = -(-int((last - first).max()) // multiple) * multiple
    pixels = first[:, None] + np.arange(taps)
    distances = np.abs((pixels - centres[:, None] + 0.5) * (1.0 / reach))
    weights = np.where(pixels < last[:, None], np.maximum(1.0 - distances, 0.0), 0.0)
    # Added up from left to right: a sum in pairs has another last bit.
    weights /= np.cumsum(weights, axis=1)[:, -1:]
    whole = (weights * (1 << _WEIGHT_BITS) + 0.5).astype(np.int64)
    arrays = (
        np.ascontiguousarray(first - first[0], np.int32),
        np.ascontiguousarray(whole >> _LOW_BITS, np.int16),
        np.ascontiguousarray(whole & ((1 << _LOW_BITS) - 1), np.int16),
    )
    table = _Table(out, taps, *(array.ctypes.data for array in arrays))
    return _Axis(int(first[0]), int(last.max()), taps, table, arrays)


@functools.cache
def _kernel() -> ctypes._CFuncPtr | None:
    try:
        library = ctypes.CDLL(str(LIBRARY))
        if not library.aqa_usable():
            return None
    except OSError:
        return None
    pointer, step, number = ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int
    table = ctypes.POINTER(_Table)
    kernel = library.aqa_resample
    kernel.restype = None
    kernel.argtypes = [
        pointer, step, number, number, table, table, pointer, step, pointer, step, pointer,
    ]  # fmt: skip
    return kernel
