"""Read a pickle that holds data only. A pickle is a program: this reader runs none of it.

Allowed are plain containers, strings, numbers and numpy arrays, as pickled by Python 2 or 3.
"""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from aqa.errors import AqaError


def _latin1_bytes(text: str, encoding: str = "latin1") -> bytes:
    """Stands in for ``_codecs.encode``, by which protocol 2 stores bytes, and for nothing more."""
    if encoding.lower() not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


# numpy's own rebuilding functions, whose home depends on its version: taken from what it pickles.
_REBUILD = {
    ("multiarray", "_reconstruct"): np.zeros(1).__reduce__()[0],
    ("multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("numeric", "_frombuffer"): np.zeros(1).__reduce_ex__(5)[0],
}
_ALLOWED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _latin1_bytes,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in (set, frozenset, complex)
    },
    **{
        (f"{core}.{module}", name): function
        for core in ("numpy.core", "numpy._core")
        for (module, name), function in _REBUILD.items()
    },
}


# Instructions whose argument is a number of bytes or a place in the memo; pickletools itself looks
# whether texts and bytes are there in full.
_SIZED = {"FRAME", "PUT", "BINPUT", "LONG_BINPUT"}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def _check_sizes(content: bytes) -> None:
    """ValueError where a pickle asks for more than it holds: for that the reader would take memory
    before it looks, hundreds of gigabytes for one damaged byte."""
    for opcode, argument, position in pickletools.genops(content):
        if opcode.name in _SIZED and argument > len(content):
            raise ValueError(f"{opcode.name} {argument} at byte {position}, of {len(content)}")


def load_plain_pickle(path: str | Path) -> Any:
    """The content of a pickle file; AqaError if it is missing, damaged or asks for code."""
    try:
        content = Path(path).read_bytes()
        _check_sizes(content)
        return _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except FileNotFoundError:
        raise AqaError(f"{path}: no such file") from None
    except Exception as error:  # damaged pickles raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise AqaError(
            f"{path} is refused: only pickles of plain containers, strings, numbers and numpy "
            f"arrays are read ({reason})"
        ) from error


def load_plain_npy(path: str | Path) -> Any:
    """The array of an npy file; of one that holds a pickled object, that object where it is plain
    data, such as a dictionary of arrays. AqaError if it is damaged or asks for code."""
    try:
        content = Path(path).read_bytes()
        file = io.BytesIO(content)
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if not dtype.hasobject:
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
        rest = content[file.tell() :]
        _check_sizes(rest)
        found = _PlainUnpickler(io.BytesIO(rest), encoding="latin1").load()
        return found.item() if shape == () else found
    except FileNotFoundError:
        raise AqaError(f"{path}: no such file") from None
    except Exception as error:  # as above
        reason = " ".join(str(error).split()) or type(error).__name__
        raise AqaError(f"{path} is refused: no npy of numbers or plain data ({reason})") from error
