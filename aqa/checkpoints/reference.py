"""Load a checkpoint of the published code (github.com/dx199771/Interpretability-AQA)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from aqa.checkpoints.checkpoint import read_tensor_file
from aqa.errors import AqaError, listing
from aqa.models import ModelInfo, PublishedModel, PublishedModelConfig, sinusoids


def from_reference(
    path: str | Path,
    position_encoding: Literal["no", "query_pe", "memory_pe", "query_memory_pe"] = "query_pe",
    query_std: float = 1.0,
    num_heads: int = 4,
) -> PublishedModel:
    """A model in eval mode that behaves as the published one and scores as its network does.

    Dimensions come from the tensors; position mode, ``query_std`` and heads are not in the file
    (the published configs say ``query_pe`` and 2, 5 or 0.5). With ``query_std`` != 1 the published
    code draws queries at every forward: without given ones the score here is the mean over 16
    fixed draws. ``assess`` cuts or zero-pads a video to Q clips, as published.
    """
    tensors = _tensors(Path(path))
    try:
        query_count, width = tensors["query_embedding"].shape
        config = PublishedModelConfig(
            query_count=query_count,
            clip_count=query_count,
            query_std=query_std,
            position_encoding=position_encoding,
            layers=len({name.split(".")[2] for name in tensors if ".layers." in name}),
            heads=num_heads,
            feedforward=tensors["decoder.layers.0.linear1.weight"].shape[0],
            head_widths=(
                tensors["head.score.0.weight"].shape[0],
                tensors["head.score.2.weight"].shape[0],
            ),
        )
    except KeyError as error:
        raise AqaError(f"{path}: no published checkpoint, {error} is missing") from None
    except ValueError as error:
        raise AqaError(f"{path}: {' '.join(str(error).split())}") from None
    model = PublishedModel(config, width, ModelInfo(extra={"reference": str(path)}))
    expected = model.state_dict()
    own = {name for name, _ in model.named_buffers()}
    missing = sorted(expected.keys() - own - tensors.keys())
    surplus = sorted(tensors.keys() - expected.keys())
    if missing or surplus:
        raise AqaError(
            f"{path}: {len(missing)} tensors missing ({listing(missing, 2) or '-'}), "
            f"{len(surplus)} surplus ({listing(surplus, 2) or '-'})"
        )
    wrong = [name for name in tensors if tensors[name].shape != expected[name].shape]
    if wrong:
        raise AqaError(
            f"{path}: {wrong[0]} has shape {list(tensors[wrong[0]].shape)}, "
            f"expected {list(expected[wrong[0]].shape)}"
        )
    model.load_state_dict(tensors, strict=False)
    return model.eval()


def _tensors(path: Path) -> dict[str, Tensor]:
    """Neck and head of a published checkpoint under this package's names."""
    parts = read_tensor_file(path)
    if not (isinstance(parts.get("neck"), dict) and isinstance(parts.get("head"), dict)):
        raise AqaError(f"{path} is no published checkpoint: it has no neck and head")
    tensors: dict[str, Tensor] = {}
    for part in ("neck", "head"):
        for name, tensor in parts[part].items():
            plain = str(name).removeprefix("module.")
            if not isinstance(tensor, Tensor):
                raise AqaError(f"{path}: {part}.{plain} is no tensor")
            if plain == "pos_encoder.pe":
                _check_positions(tensor, path)
            else:
                tensors[_rename(part, plain)] = tensor.float()
    return tensors


def _rename(part: str, name: str) -> str:
    if part == "neck":
        renamed = {"query_embed.weight": "query_embedding"}.get(name, name)
        return renamed.replace(".self_attn.", ".self_attention.").replace(
            ".multihead_attn.", ".cross_attention."
        )
    # layer2_mean.weight -> head.score.2.weight; the MLPs here have a ReLU between the layers.
    layer, _, kind = name.partition(".")
    index, _, branch = layer.removeprefix("layer").partition("_")
    branches = {"mean": "score", "weight": "weight"}
    if index not in ("1", "2", "3") or branch not in branches:
        return f"head.{name}"
    return f"head.{branches[branch]}.{2 * (int(index) - 1)}.{kind}"


def _check_positions(stored: Any, path: Path) -> None:
    """The position table is a constant that this package computes: it must be the same one."""
    if stored.ndim == 3 and torch.allclose(stored[0], sinusoids(*stored.shape[1:]), atol=1e-4):
        return
    raise AqaError(f"{path}: pos_encoder.pe is not the published sinusoidal table")
