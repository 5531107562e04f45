"""Feature files, labels, lists, configs and checkpoints that are damaged on purpose."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from aqa import AqaError, load_checkpoint, load_config, save_checkpoint
from aqa.data import read_features
from aqa.data.datasets.own import read_table
from aqa.models import ClipModelConfig, build_model
from aqa.models.base import ModelInfo
from aqa.storage.plain_pickles import load_plain_pickle
from pipeline.errors import UsageError
from pipeline.footage import collect
from pipeline.workspace import load_settings

Rng = np.random.Generator
# What a spreadsheet or an editor may put in; each is tried at random places.
_SNIPPETS = (
    b"\0", b"\r", b"\n\n", b",", b";", b"\t", b'"', b"#", b"=", b"-", b"1e999", b"nan", b"inf",
    b"\xff\xfe", b"\xef\xbb\xbf", "ü".encode(), b"!!python/object:os.system", b"&a [*a]", b"{",
    b"]", b"../../etc/passwd", b"csplit\n", b"\x80\x04", b"9" * 400, b"-0.0", b"[" * 200,
)  # fmt: skip


def write_seeds(folder: Path) -> dict[str, bytes]:
    """A good one of every kind, by its name."""
    rng = np.random.default_rng(0)
    np.save(folder / "features.npy", rng.normal(size=(9, 16)).astype(np.float32))
    (folder / "labels.csv").write_text("id,score,split\na,1.5,train\nb/c,2,test\nü d,3,train\n")
    (folder / "semicolons.csv").write_text("id;score\na;1,5\nb;2,25\n")
    (folder / "list.csv").write_text("path,id,frame_rate\na.mp4,x,25\nb/c,y,29.97\n")
    (folder / "list.txt").write_text("# mine\na.mp4\ndeep/b.mov\n")
    (folder / "config.yaml").write_text(
        yaml.safe_dump({"dataset": {"kind": "csv"}, "training": {"recipe": "honest", "epochs": 3}})
    )
    (folder / "aqa.yaml").write_text("data_root: /data\nworkers: 2\nraw:\n  rg: x\n")
    labels = {("game", 1): ["Free", 80.5, None, [1, 2]], ("game", 2): ["Free", 79.0, {}, []]}
    (folder / "anno_dict.pkl").write_bytes(pickle.dumps(labels))
    model = build_model(ClipModelConfig(members=1, waves=16), 8, ModelInfo(training_videos=3))
    save_checkpoint(model, folder / "model.pt")
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def mutated(name: str, whole: bytes, rng: Rng) -> bytes:
    data = bytearray(whole)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(max(1, len(data))))
        match int(rng.integers(5)):
            case 0:
                data[at:at] = _SNIPPETS[int(rng.integers(len(_SNIPPETS)))]
            case 1:
                del data[at : at + int(rng.integers(1, 40))]
            case 2 if data:
                data[at % len(data)] = int(rng.integers(256))
            case 3:
                del data[at:]
            case _:
                data[at:at] = data[at : at + int(rng.integers(1, 60))]
    return bytes(data)


_READ: dict[str, Callable[[Path], Any]] = {
    "features.npy": read_features,
    "labels.csv": read_table,
    "semicolons.csv": read_table,
    "list.csv": lambda path: collect([path]),
    "list.txt": lambda path: collect([path]),
    "config.yaml": load_config,
    "aqa.yaml": lambda path: load_settings(path.parent),
    "anno_dict.pkl": load_plain_pickle,
    "model.pt": load_checkpoint,
}


def verdict(path: Path, seed: str) -> tuple[str, str]:
    """``read``, ``refused`` in one line that names the file, or else a finding."""
    try:
        return "read", type(_READ[seed](path)).__name__
    except (AqaError, UsageError) as error:
        said = str(error)
        return ("refused" if "\n" not in said and path.name in said else "unnamed"), said
    except Exception as error:
        return "raised", f"{type(error).__name__}: {error}"
