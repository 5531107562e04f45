"""Feature arrays as others store them, turned into what the readers expect: float [T, C].

Nothing is guessed. What may be meant in two ways is refused in one line that names the option.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aqa.errors import AqaError
from aqa.storage import load_plain_npy, load_plain_pickle

Axes = Literal["TC", "CT"]
ARRAY_SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".h5", ".hdf5", ".mat", ".pkl", ".pickle")


@dataclass(frozen=True)
class Turning:
    """How arrays are to be read where they do not say. ``channels``: the width that is expected.

    axes  which of two equal sizes is time.
    pool  "mean" over an axis that is neither time nor channel; None: such arrays are refused.
    """

    channels: int | None = None
    axes: Axes | None = None
    pool: Literal["mean"] | None = None


def turned(array: Any, how: Turning) -> tuple[np.ndarray, list[str]]:
    """``[T, C]`` float32 (float16 stays), and what was done, in words. AqaError: why not."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        raise AqaError(f"holds {array.dtype}, no features")
    done: list[str] = []
    shape = list(array.shape)
    if array.ndim != 2 and 1 in shape:
        squeezed = array.squeeze()
        if squeezed.ndim == 2:
            done.append(f"{shape} without its axes of 1")
            array = squeezed
    if array.ndim == 3 and how.pool == "mean" and how.channels in (None, array.shape[2]):
        done.append(f"{list(array.shape)}: mean over the middle axis")
        array = array.mean(axis=1, dtype=np.float64).astype(array.dtype)
    if array.ndim != 2:
        hint = " (--pool mean takes the mean over the middle)" if array.ndim == 3 else ""
        raise AqaError(f"has shape {shape}, expected [clips, channels]{hint}")
    array = _time_first(array, how, done)
    if array.dtype.itemsize > 4:
        done.append(f"{array.dtype.name} to float32")
    if array.dtype not in (np.dtype("<f4"), np.dtype("<f2")):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise AqaError("holds NaN or infinity")
    return np.ascontiguousarray(array), done


def _time_first(array: np.ndarray, how: Turning, done: list[str]) -> np.ndarray:
    rows, columns = array.shape
    if how.axes == "CT":
        done.append(f"[{rows}, {columns}]: turned, time first")
        return array.T
    if how.axes == "TC" or how.channels is None or (columns == how.channels != rows):
        return array
    if rows == columns == how.channels:
        raise AqaError(f"has shape [{rows}, {columns}]: which is time? add --axes TC or CT")
    if rows == how.channels:
        done.append(f"[{rows}, {columns}]: turned, time first")
        return array.T
    raise AqaError(
        f"has shape [{rows}, {columns}], neither is {how.channels}: features of another backbone? "
        "then --channels says how many"
    )


def arrays_in(path: Path) -> Iterator[tuple[str, str, Any]]:
    """(id, stream, array) of a file: one of its own name, or a dictionary by video, by stream, or
    by both. ``stream`` is empty where there is one. AqaError for what cannot be read, or asks for
    code."""
    content = _READERS[path.suffix.lower()](path)
    if not isinstance(content, Mapping):
        yield path.stem, "", content
        return
    nested = [key for key, value in content.items() if isinstance(value, Mapping)]
    for key, value in content.items():
        if key in nested:
            yield from ((str(key), str(inner), array) for inner, array in value.items())
        else:
            yield str(key), "", value


def _npz(path: Path) -> Mapping[str, Any]:
    with np.load(path, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def _torch(path: Path) -> Any:
    import torch

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(each) for key, each in value.items()}
        return value.detach().float().numpy() if isinstance(value, torch.Tensor) else value

    return plain(torch.load(path, map_location="cpu", weights_only=True))


def _matlab(path: Path) -> Mapping[str, Any]:
    from scipy.io import loadmat

    found = loadmat(io.BytesIO(path.read_bytes()))
    arrays = {name: value for name, value in found.items() if not name.startswith("__")}
    return {path.stem: next(iter(arrays.values()))} if len(arrays) == 1 else arrays


def _hdf5(path: Path) -> Mapping[str, Any]:
    try:
        import h5py
    except ImportError:
        raise AqaError("HDF5 needs h5py: pip install 'aqa-pipeline[import]'") from None
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:

        def keep(name: str, entry: Any) -> None:
            if isinstance(entry, h5py.Dataset):
                found[name] = entry[()]

        file.visititems(keep)
    nested: dict[str, Any] = {}
    for name, array in found.items():  # groups are dictionaries of streams
        outer, _, inner = name.partition("/")
        if inner:
            nested.setdefault(outer, {})[inner] = array
        else:
            nested[outer] = array
    return nested


_READERS: dict[str, Callable[[Path], Any]] = {
    ".npy": load_plain_npy, ".npz": _npz, ".pt": _torch, ".pth": _torch, ".h5": _hdf5,
    ".hdf5": _hdf5, ".mat": _matlab, ".pkl": load_plain_pickle, ".pickle": load_plain_pickle,
}  # fmt: skip
