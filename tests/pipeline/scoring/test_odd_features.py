"""Feature files as they come, in one ``score`` among good ones, whose scores must not change."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult

from aqa import save_checkpoint
from aqa.models import RidgeConfig, build_model
from aqa.models.base import ModelInfo

GOOD = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
READ, NO_NPY, SHAPE, TYPE = (
    "",
    "no readable feature file",
    "expected [clips, channels]",
    "expected float",
)


class Attack:
    def __reduce__(self) -> tuple:
        return os.system, ("touch HACKED",)


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def header(text: str) -> bytes:
    """An npy of this header and no data."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def described(shape: object, kind: str = "<f4") -> bytes:
    return header(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}\n")


def zipped() -> bytes:
    file = io.BytesIO()
    np.savez(file, GOOD)
    return file.getvalue()


def spoiled(value: float) -> np.ndarray:
    features = GOOD.copy()
    features[3, 2] = value
    return features


OBJECTS = np.array([[Attack(), 1], [2, 3]], dtype=object)
ODD: dict[str, tuple[bytes, str]] = {
    "float16": (npy(GOOD.astype(np.float16)), READ),
    "float64": (npy(GOOD.astype(np.float64)), READ),
    "big-endian": (npy(GOOD.astype(">f4")), READ),
    "fortran": (npy(np.asfortranarray(GOOD)), READ),
    "version-2": (npy(GOOD, (2, 0)), READ),
    "version-3": (npy(GOOD, (3, 0)), READ),
    "one-clip": (npy(GOOD[:1]), READ),
    "more-behind-it": (npy(GOOD) + b"more", READ),
    "int": (npy(np.arange(160).reshape(20, 8)), TYPE),
    "bool": (npy(GOOD > 0), TYPE),
    "complex": (npy(GOOD.astype(np.complex64)), TYPE),
    "text": (npy(np.array([["a", "b"]])), TYPE),
    "record": (npy(np.zeros(3, [("a", "f4"), ("b", "f4")])), TYPE),
    "one-axis": (npy(GOOD[0]), SHAPE),
    "three-axes": (npy(GOOD[:, None]), SHAPE),
    "scalar": (npy(np.float32(1)), SHAPE),
    "no-clip": (npy(GOOD[:0]), SHAPE),
    "no-channel": (npy(GOOD[:, :0]), SHAPE),
    "too-wide": (npy(np.tile(GOOD, 2)), "16 wide, expected 8"),
    "transposed": (npy(GOOD.T), "20 wide, expected 8"),
    "nan": (npy(spoiled(np.nan)), "NaN or infinity in 1 of 20 clips"),
    "infinite": (npy(spoiled(np.inf)), "NaN or infinity in 1 of 20 clips"),
    "too-large-for-float32": (npy(spoiled(1).astype(np.float64) * 1e300), "NaN or infinity"),
    "objects": (npy(OBJECTS), NO_NPY),
    "pickle": (pickle.dumps(Attack()), NO_NPY),
    "list-in-a-pickle": (pickle.dumps(GOOD.tolist()), NO_NPY),
    "zip": (zipped(), NO_NPY),
    "empty": (b"", NO_NPY),
    "zeros": (bytes(500), NO_NPY),
    "a-web-page": (b"<!DOCTYPE html><html>Sign in</html>", NO_NPY),
    "a-pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", NO_NPY),
    "terabytes": (described((10**9, 1000)), NO_NPY),
    "beyond-numbers": (described((10**30, 8)), NO_NPY),
    "negative": (described((-1, 8)), NO_NPY),
    "no-tuple": (described("7"), NO_NPY),
    "calls": (header("__import__('os').system('touch HACKED')\n"), NO_NPY),
    "deep": (header("(" * 9000 + "\n"), NO_NPY),
    "unknown-kind": (described((1, 8), "<q9"), NO_NPY),
    "objects-declared": (described((1, 8), "|O"), NO_NPY),
    "version-9": (b"\x93NUMPY\x09\x00" + npy(GOOD)[8:], NO_NPY),
    **{
        f"cut-at-{tenth}": (npy(GOOD)[: len(npy(GOOD)) * tenth // 10], NO_NPY)
        for tenth in range(1, 10)
    },
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    model = build_model(RidgeConfig(segments=2), 8, ModelInfo(training_videos=3)).eval()
    model.coefficients.uniform_(-1, 1)
    return save_checkpoint(model, tmp_path / "model.pt")


def test_each_is_read_or_refused_by_name(cli: Callable[..., CliResult], checkpoint: Path) -> None:
    folder = Path("in")
    folder.mkdir()
    for name in ("a good one", "z good one"):
        (folder / f"{name}.npy").write_bytes(npy(GOOD))
    score = ("score", "in", "--checkpoint", checkpoint, "--json")
    alone = {entry["video"]: entry["score"] for entry in json.loads(cli(*score).stdout)["results"]}
    for name, (content, _) in ODD.items():
        (folder / f"{name}.npy").write_bytes(content)
    os.mkfifo(folder / "fifo.npy")
    (folder / "loop.npy").symlink_to("loop.npy")
    (folder / "nowhere.npy").symlink_to("gone.npy")
    (folder / "folder.npy").mkdir()
    done = cli(*score)
    assert done.exit_code == 1 and "Traceback" not in done.output
    assert not list(Path().rglob("HACKED"))
    ends = {Path(entry["video"]).stem: entry for entry in json.loads(done.stdout)["results"]}
    assert {video: ends[Path(video).stem]["score"] for video in alone} == alone
    for name, (_, words) in ODD.items():
        error = ends[name].get("error", "")
        assert "\n" not in error and f"{name}.npy" in (error or f"{name}.npy"), name
        assert (words in error) if words else not error, f"{name}: {error}"
    for name in ("fifo", "loop", "nowhere"):
        assert f"{name}.npy" in ends[name]["error"], name
