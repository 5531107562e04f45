"""Video Swin's forward pass as torch does it quickest: torchvision's weights, fused attention.

Torchvision shifts, pads, cuts into windows and adds a bias and a mask that it makes anew in every
block, each a copy of all tokens, and keeps the attention matrix of every window. Here one index
gathers the tokens of all windows and another puts them back; windows that are masked alike lie side
by side, so that each kind (at most eight) is one call of torch's fused attention with one mask.
Reference for the arithmetic: Liu et al., "Video Swin Transformer", CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.video.swin_transformer import ShiftedWindowAttention3d, SwinTransformer3d


class FusedSwin(nn.Module):
    """The same function as ``trunk``, whose parameters it shares. For inference only."""

    def __init__(self, trunk: SwinTransformer3d) -> None:
        super().__init__()
        self.trunk = trunk
        self._plans: dict[tuple[object, ...], _Plan] = {}

    def forward(self, clips: Tensor) -> Tensor:
        """Float [B, 3, T, H, W] -> [B, C], pooled over time and space."""
        trunk = self.trunk
        tokens = trunk.patch_embed(clips)  # [B, T, H, W, C]
        for stage in trunk.features:
            if not isinstance(stage, nn.Sequential):
                tokens = stage(tokens)  # patch merging
                continue
            for block in stage:
                tokens = tokens + self._attend(block.attn, block.norm1(tokens))
                tokens = tokens + block.mlp(block.norm2(tokens))
        return trunk.head(trunk.norm(tokens).mean((1, 2, 3)))

    def _attend(self, attention: ShiftedWindowAttention3d, tokens: Tensor) -> Tensor:
        batch, *size, channels = tokens.shape
        heads = attention.num_heads
        qkv = F.linear(tokens.flatten(1, 3), attention.qkv.weight, attention.qkv.bias)
        plan = self._plan(attention, tuple(size), qkv)
        if plan.padded:  # tokens of zeros beside the picture: they have the bias alone
            filler = attention.qkv.bias.to(qkv).expand(batch, 1, -1)
            qkv = torch.cat((qkv, filler), dim=1)
        windows = qkv[:, plan.gather].unflatten(1, (-1, plan.volume))  # [B, W, N, 3C]
        windows = windows.unflatten(-1, (3, heads, channels // heads)).permute(3, 0, 1, 4, 2, 5)
        parts = [
            F.scaled_dot_product_attention(*windows[:, :, first:last].flatten(1, 2), mask)
            for (first, last), mask in zip(pairwise(plan.ends), plan.masks, strict=True)
        ]  # of each [B * W, heads, N, C / heads]
        merged = [
            part.unflatten(0, (batch, -1)).transpose(2, 3).flatten(3).flatten(1, 2)
            for part in parts
        ]
        whole = torch.cat(merged, dim=1)[:, plan.scatter]
        return attention.proj(whole).unflatten(1, size)

    def _plan(
        self, attention: ShiftedWindowAttention3d, size: tuple[int, ...], like: Tensor
    ) -> _Plan:
        key = (id(attention), size, like.dtype, like.device)
        if key not in self._plans:
            self._plans[key] = _plan(attention, size, like)
        return self._plans[key]


@dataclass(frozen=True, eq=False)
class _Plan:
    """Of one attention layer for one size of input, W windows of ``volume`` = N tokens.

    gather   int64 [W * N], which token lies at each place of each window; windows of one kind are
             together. The number of tokens itself stands for padding (``padded``: there is some).
    scatter  int64 [tokens], where each token lies in that.
    ends     the windows of kind k are those from ends[k] up to ends[k + 1].
    masks    for each kind what is added to the attention's logits, [heads, N, N].
    """

    gather: Tensor
    scatter: Tensor
    ends: tuple[int, ...]
    masks: tuple[Tensor, ...]
    volume: int
    padded: bool


def _plan(attention: ShiftedWindowAttention3d, size: tuple[int, ...], like: Tensor) -> _Plan:
    window = [min(w, n) for w, n in zip(attention.window_size, size, strict=True)]
    shift = [
        s if n > w else 0
        for s, w, n in zip(attention.shift_size, attention.window_size, size, strict=True)
    ]
    whole = [-(-n // w) * w for w, n in zip(window, size, strict=True)]
    tokens = size[0] * size[1] * size[2]
    grid = torch.full(whole, tokens)
    grid[: size[0], : size[1], : size[2]] = torch.arange(tokens).view(size)
    places = _cut(grid.roll([-s for s in shift], (0, 1, 2)), window)
    kinds, which = _cut(_regions(whole, window, shift), window).unique(dim=0, return_inverse=True)
    order = which.argsort(stable=True)
    gather = places[order].flatten()
    scatter = torch.empty(tokens + 1, dtype=torch.int64)
    scatter[gather] = torch.arange(len(gather))
    bias = attention.get_relative_position_bias(window)[0].float()
    # Torchvision's number for "not at all": the last digits are then the same, too.
    masks = [torch.where(k[:, None] == k, 0.0, -100.0).to(bias) + bias for k in kinds]
    counts = which.bincount(minlength=len(kinds)).cumsum(0).tolist()
    return _Plan(
        gather.to(like.device),
        scatter[:tokens].to(like.device),
        (0, *counts),
        tuple(mask.to(like) for mask in masks),
        places.shape[1],
        tokens < len(gather),
    )


def _regions(whole: list[int], window: list[int], shift: list[int]) -> Tensor:
    """[T, H, W]: which tokens of a shifted grid were neighbours before. Only those attend to each
    other."""
    regions = torch.zeros(whole, dtype=torch.int64)
    for axis, (n, w, s) in enumerate(zip(whole, window, shift, strict=True)):
        along = torch.zeros(n, dtype=torch.int64)
        if s:
            along[n - w :] = 1
            along[n - s :] = 2
        shape = [1, 1, 1]
        shape[axis] = n
        regions = regions * 3 + along.view(shape)
    return regions


def _cut(grid: Tensor, window: list[int]) -> Tensor:
    """[T, H, W] -> [windows, tokens of one]."""
    for axis, w in enumerate(window):
        grid = grid.unflatten(2 * axis, (-1, w))
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(0, 2)
