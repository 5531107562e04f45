"""A trained model in one file, from which it can be rebuilt alone."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from aqa.checkpoints.folder import from_hub, is_hub_name, read_folder
from aqa.checkpoints.shipped import SUFFIX, read_compact, shipped_models
from aqa.data import FeatureOrigin
from aqa.errors import AqaError
from aqa.models import ModelInfo, ScoringModel, build_model, parse_section
from aqa.storage import write_atomically

_FORMAT = "aqa-checkpoint"
_FORMAT_VERSION = 1


def save_checkpoint(model: ScoringModel, path: str | Path) -> Path:
    """Write weights, feature statistics, model config and ``model.info``: all plain data."""
    path = Path(path)
    content = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "model": model.config.model_dump(mode="json"),
        "channels": model.channels,
        "info": asdict(model.info),
        "state": {name: tensor.cpu() for name, tensor in model.state_dict().items()},
    }
    write_atomically(path, lambda file: torch.save(content, file))
    return path


def load_checkpoint(path: str | Path, device: str | torch.device = "cpu") -> ScoringModel:
    """The model in eval mode, with ``model.info``; AqaError if the file is no whole checkpoint.

    ``path`` may be a folder that ``models export`` wrote; and, where nothing has that name here,
    the name of a shipped model, such as fisv-pcs, or of one of the hub, ``org/name@revision``.
    """
    if not Path(path).exists() and (shipped := shipped_models().get(str(path))):
        return load_checkpoint(shipped.path, device).for_score(shipped.score)
    if not Path(path).exists() and is_hub_name(str(path)):
        return load_checkpoint(from_hub(str(path)), device)
    path = Path(path)
    if path.is_dir():
        content, state = read_folder(path)
    elif path.suffix == SUFFIX:
        content, state = read_compact(path)
    else:
        content = _read_checkpoint(path)
        state = content.get("state")
    _refuse_earlier(content.get("model"), path)
    try:
        config = parse_section(content["model"])
        with torch.random.fork_rng(devices=[]):  # the initial weights are thrown away
            model = build_model(config, content["channels"], _info(content["info"], path))
        # What a file of an earlier version cannot say stays unknown.
        state.setdefault("average.features", model.average.features)
        model.load_state_dict(state)
    except (KeyError, TypeError, ValidationError, RuntimeError) as error:
        raise AqaError(f"{path} is damaged: {' '.join(str(error).split())}") from error
    return model.to(device).eval()


def _refuse_earlier(model: Any, path: Path) -> None:
    """The default model of versions before it was additive had other parts under the same name."""
    if isinstance(model, dict) and model.get("kind") == "clips" and "kernel_share" in model:
        raise AqaError(
            f"{path} is a default model of an earlier version, which this one cannot run: train it "
            "again"
        )


def _read_checkpoint(path: Path) -> dict[str, Any]:
    content = read_tensor_file(path)
    if content.get("format") != _FORMAT:
        hint = ""
        if "neck" in content and "head" in content:
            hint = "; it looks like a published one: use aqa.from_reference"
        raise AqaError(f"{path} is no checkpoint of aqa-pipeline{hint}")
    if content.get("format_version") != _FORMAT_VERSION:
        raise AqaError(
            f"{path} has checkpoint format {content.get('format_version')}, this version reads "
            f"{_FORMAT_VERSION}"
        )
    return content


def check_origin(info: ModelInfo, origin: FeatureOrigin | None, what: str = "features") -> None:
    """AqaError, naming both, if a model is to score features that it was not trained on.

    Nothing can be compared where one side does not know its origin.
    """
    if info.origin is None or origin is None:
        return
    differences = info.origin.differences(origin)
    if differences:
        raise AqaError(
            f"the checkpoint was trained on features of {info.origin}; the {what} are of {origin} "
            f"(differing: {'; '.join(differences)}): extract them as the checkpoint expects"
        )


def read_tensor_file(path: Path) -> dict[str, Any]:
    """A dict of tensors and plain data saved by torch, read with ``weights_only=True``."""
    if path.is_dir():
        raise AqaError(f"{path} is a folder, expected a checkpoint file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise AqaError(f"{path}: no such checkpoint") from None
    except Exception as error:  # what is no checkpoint raises nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AqaError(f"{path} is no checkpoint: {reason}") from error
    if not isinstance(content, dict):
        raise AqaError(f"{path} is no checkpoint: it holds {type(content).__name__}")
    return content


def _info(content: dict[str, Any], path: Path) -> ModelInfo:
    """What an older version did not write yet takes its default."""
    surplus = set(content) - {field.name for field in fields(ModelInfo)}
    if surplus:
        raise AqaError(f"{path}: unknown entries {', '.join(sorted(surplus))}")
    content = dict(content)
    if origin := content.get("origin"):
        content["origin"] = FeatureOrigin.from_dict(origin, str(path))
    for name in ("all_scores", "score_range", "clip_counts", "history"):
        if content.get(name) is not None:
            content[name] = tuple(content[name])
    return ModelInfo(**content)
