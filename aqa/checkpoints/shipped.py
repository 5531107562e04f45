"""The trained models that come with the package, found by name.

A file is float16 safetensors whose header says, as one JSON text, all that rebuilds the model. One
file may hold several names: scores that were learned together.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from aqa.errors import AqaError
from aqa.models import ScoringModel
from aqa.storage import write_atomically

FOLDER = Path(__file__).resolve().parent
SUFFIX = ".safetensors"
_HEADER = "aqa-pipeline"


@dataclass(frozen=True)
class ShippedModel:
    name: str  # such as fisv-pcs
    path: Path
    score: str  # which of the file's scores
    about: dict[str, Any]  # the file's header: model, channels, info

    @property
    def card(self) -> Path:
        """What it was trained on, how good it is, what it is not for."""
        return self.path.with_suffix(".md")


def shipped_models() -> dict[str, ShippedModel]:
    """By name, in alphabetical order."""
    found = {}
    for path in sorted(FOLDER.glob(f"*{SUFFIX}")):
        about = read_header(path)
        for score in about["info"]["all_scores"]:
            name = f"{path.stem}-{score}"
            found[name] = ShippedModel(name, path, score, about)
    return dict(sorted(found.items()))


def save_compact(model: ScoringModel, path: Path) -> None:
    """Write float16 weights; the same model gives the same bytes."""
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    about = {
        "model": model.config.model_dump(mode="json"),
        "channels": model.channels,
        "info": asdict(replace(model.info, history=())),
    }
    # One entry only: the order of several would not be the same every time.
    content = save(state, metadata={_HEADER: json.dumps(about, sort_keys=True)})
    write_atomically(path, lambda file: file.write(content))


def read_header(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads(file.metadata()[_HEADER])
    except FileNotFoundError:
        raise AqaError(f"{path}: no such checkpoint") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise AqaError(f"{path} is no checkpoint of aqa-pipeline: {error}") from error


def read_compact(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and float32 state."""
    about = read_header(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return about, {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
