"""Models that travel: a folder with config.json, model.safetensors and a card, or one of the hub.

Both files are data: reading them runs no code.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from aqa.checkpoints.card import card_of
from aqa.errors import AqaError
from aqa.models import ScoringModel
from aqa.storage import write_atomically, write_json

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FORMAT, FORMAT_VERSION = "aqa-model", 1
_HUB_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_FILES = (".pt", ".pth", ".safetensors", ".npy")


def export_folder(model: ScoringModel, folder: Path, name: str) -> None:
    """Writes the three files; the weights bit for bit. AqaError where the folder holds others."""
    if folder.exists() and any(folder.iterdir()):
        raise AqaError(f"{folder} is not empty: choose another folder")
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": model.config.model_dump(mode="json"),
        "channels": model.channels,
        "info": asdict(replace(model.info, history=())),
    }
    state = {key: tensor.cpu().contiguous() for key, tensor in model.state_dict().items()}
    weights, card = save(state, metadata={"format": "pt"}), card_of(model, name)
    write_atomically(folder / CARD, lambda file: file.write(card.encode()))
    write_atomically(folder / WEIGHTS, lambda file: file.write(weights))
    write_json(folder / CONFIG, content)


def is_hub_name(name: str) -> bool:
    """``org/name`` or ``org/name@revision``, and no file's name."""
    return bool(_HUB_NAME.fullmatch(name)) and not name.lower().endswith(_FILES)


def from_hub(name: str) -> Path:
    """The folder that the hub's library keeps; AqaError says what to put where instead."""
    from huggingface_hub import snapshot_download

    found = _HUB_NAME.fullmatch(name)
    wanted = [CONFIG, WEIGHTS, CARD]
    try:
        return Path(
            snapshot_download(found["repo"], revision=found["revision"], allow_patterns=wanted)
        )
    except Exception as error:  # its library's, its HTTP library's, the network's
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise AqaError(
            f"{name} is no file here, and as a model of the hub it cannot be fetched ({reason}); "
            f"without a network put its {CONFIG} and {WEIGHTS} into a folder and give that"
        ) from None


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a checkpoint's file holds, and its state. AqaError names what is missing or damaged."""
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise AqaError(f"{folder} is no model: it has no {name}")
    try:
        content = json.loads((folder / CONFIG).read_text("utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise AqaError(f"{folder / CONFIG} describes no model of aqa-pipeline")
        if content.get("format_version") != FORMAT_VERSION:
            raise AqaError(
                f"{folder / CONFIG} has format {content.get('format_version')}, this version reads "
                f"{FORMAT_VERSION}"
            )
        return content, load_file(folder / WEIGHTS)
    except (ValueError, SafetensorError, OSError) as error:
        raise AqaError(f"{folder} is damaged: {' '.join(str(error).split())}") from None
