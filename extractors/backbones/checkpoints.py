"""Video Swin checkpoints -> torchvision's names.

Two formats are known: the official repository's (SwinTransformer/Video-Swin-Transformer: a
dictionary with ``state_dict``, keys ``backbone.*`` and ``cls_head.*``) and torchvision's own
(``swin3d_*``).  With the keys renamed both give bit-identical features.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from extractors.errors import ExtractorError

_WHAT_IS_READ = "expected an official Video Swin or a torchvision swin3d checkpoint"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors of a checkpoint file; nothing in it is executed.  ExtractorError if it is none."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, OSError) as error:
        raise ExtractorError(
            f"{path}: no checkpoint of plain tensors ({_first_line(error)}); {_WHAT_IS_READ}"
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise ExtractorError(f"{path}: holds no weights; {_WHAT_IS_READ}")
    for key, value in content.items():
        if not isinstance(value, Tensor):
            raise ExtractorError(f"{path}: {key!r} is no tensor; {_WHAT_IS_READ}")
    return dict(content)


def to_torchvision(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Either format, without classifier and constants, under torchvision's names.

    ``backbone.layers.1.blocks.0.mlp.fc1.weight`` becomes ``features.2.0.mlp.0.weight``,
    ``backbone.layers.1.downsample.norm.bias`` becomes ``features.3.norm.bias``.
    """
    official = any(re.match(r"(backbone\.)?layers\.\d+\.blocks\.", key) for key in state)
    if not official and not any(key.startswith("features.0.") for key in state):
        raise ExtractorError(f"{path}: unknown format, first key {min(state)!r}; {_WHAT_IS_READ}")
    dropped = re.compile(r"cls_head\.|head\.|.*relative_position_index$")
    kept = {key: value for key, value in state.items() if not dropped.match(key)}
    return {_rename(key): value for key, value in kept.items()} if official else kept


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Every parameter, and nothing else; ExtractorError names the first that does not fit."""
    own = model.state_dict()
    expected = {k: v for k, v in own.items() if not k.endswith("relative_position_index")}
    missing = sorted(expected.keys() - state.keys())
    surplus = sorted(state.keys() - expected.keys())
    if missing or surplus:
        parts = [
            f"{len(keys)} {word}, first {keys[0]!r}"
            for word, keys in (("missing", missing), ("surplus", surplus))
            if keys
        ]
        raise ExtractorError(f"{path}: does not fit this backbone: weights {'; '.join(parts)}")
    for key, value in state.items():
        if value.shape != expected[key].shape:
            raise ExtractorError(
                f"{path}: does not fit this backbone: {key!r} is {tuple(value.shape)}, "
                f"expected {tuple(expected[key].shape)}"
            )
    model.load_state_dict({**own, **state})


def _rename(key: str) -> str:
    key = key.removeprefix("backbone.")
    key = re.sub(r"^layers\.(\d+)\.blocks", lambda m: f"features.{2 * int(m[1])}", key)
    key = re.sub(r"^layers\.(\d+)\.downsample", lambda m: f"features.{2 * int(m[1]) + 1}", key)
    return key.replace("mlp.fc1.", "mlp.0.").replace("mlp.fc2.", "mlp.3.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
