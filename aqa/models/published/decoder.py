"""The decoder and the weight-score head of Interpretable Long-term AQA (arXiv 2408.11687).

Shapes: B videos, Q queries, T clips, d the model's width.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa.models.parts import full_precision


def sinusoids(length: int, width: int, device: torch.device | None = None) -> Tensor:
    """The sinusoidal position encoding [length, width]: sin on even channels, cos on odd."""
    position = torch.arange(0.0, length, device=device).unsqueeze(1)
    rate = torch.exp(
        torch.arange(0.0, width, 2, device=device) * -(math.log(10000.0) / width)
    )  # [width / 2, rounded up]
    encoding = torch.zeros(length, width, device=device)
    encoding[:, 0::2] = torch.sin(position * rate)
    encoding[:, 1::2] = torch.cos(position * rate)[:, : width // 2]
    return encoding


@dataclass(frozen=True)
class DecoderShape:
    width: int
    layers: int
    heads: int
    feedforward: int
    dropout: float
    attention_dropout: float


class DecoderLayer(nn.Module):
    """Pre-norm self-attention, cross-attention, feed-forward.

    Published quirk: after self-attention S the queries become S + dropout(S), without what they
    were before.
    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        width = shape.width
        self.self_attention, self.cross_attention = (
            nn.MultiheadAttention(width, shape.heads, shape.attention_dropout, batch_first=True)
            for _ in range(2)
        )
        self.linear1 = nn.Linear(width, shape.feedforward)
        self.linear2 = nn.Linear(shape.feedforward, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(shape.dropout)

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        query_position: Tensor | None,
        memory_mask: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, Q, d], memory keys and values [B, T, d] -> queries, self-, cross-output.

        The mask [B, T] is True at real clips.
        """

        def placed(tokens: Tensor) -> Tensor:
            return tokens if query_position is None else tokens + query_position

        normed = self.norm1(queries)
        own = _attend(self.self_attention, placed(normed), placed(normed), normed)
        queries = own + self.dropout(own)
        asking = placed(self.norm2(queries))
        crossed = _attend(self.cross_attention, asking, keys, values, memory_mask)
        queries = queries + self.dropout(crossed)
        hidden = self.dropout(F.relu(self.linear1(self.norm3(queries))))
        return queries + self.dropout(self.linear2(hidden)), own, crossed


def _attend(
    attention: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """[B, Q, d], [B, T, d], [B, T, d], mask [B, T] True at real clips -> float32 [B, Q, d]."""
    padding = None if mask is None else ~mask  # torch's mask is True where nothing is
    attended, _ = attention(query, key, value, key_padding_mask=padding, need_weights=False)
    return attended.float()


class Decoder(nn.Module):
    """Layers that start as copies of one, then a LayerNorm."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        layer = DecoderLayer(shape)
        self.layers = nn.ModuleList([copy.deepcopy(layer) for _ in range(shape.layers)])
        self.norm = nn.LayerNorm(shape.width)

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        *,
        query_position: Tensor | None = None,
        memory_position: Tensor | None = None,
        accumulate: bool = False,
        memory_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Queries [B, Q, d], memory [B, T, d] -> decoded [B, Q, d], self- and cross-attention
        outputs [B, Q, d] of each layer.

        ``accumulate`` is the published behaviour: the memory of a layer is that of the layer
        before plus the memory position. The mask is True at real clips.
        """
        selfs, crosses = [], []
        for layer in self.layers:
            keys = memory if memory_position is None else memory + memory_position
            queries, own, crossed = layer(queries, keys, memory, query_position, memory_mask)
            selfs.append(own)
            crosses.append(crossed)
            if accumulate:
                memory = keys
        return self.norm(queries), selfs, crosses


class WeightScoreHead(nn.Module):
    """Two MLPs over each query: its score, and its weight by a softmax over the queries."""

    def __init__(self, width: int, hidden: tuple[int, int]) -> None:
        super().__init__()
        self.score, self.weight = (
            nn.Sequential(
                nn.Linear(width, hidden[0]),
                nn.ReLU(),
                nn.Linear(hidden[0], hidden[1]),
                nn.ReLU(),
                nn.Linear(hidden[1], 1),
            )
            for _ in range(2)
        )

    def forward(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        """[B, Q, d] -> clip scores, clip weights [B, Q]."""
        score, weight = (self._last_in_full(mlp, decoded) for mlp in (self.score, self.weight))
        return score, weight.softmax(dim=-1)

    @staticmethod
    def _last_in_full(mlp: nn.Sequential, rows: Tensor) -> Tensor:
        """[B, Q, d] -> [B, Q]: the result of a bfloat16 product would be too coarse for a score."""
        hidden = mlp[:-1](rows)
        with full_precision(rows.device):
            return mlp[-1](hidden.float()).squeeze(-1)


def attention_consistency(selfs: Sequence[Tensor], crosses: Sequence[Tensor]) -> Tensor:
    """The attention loss of the paper, one value a video: [B, Q, d] of each layer, twice -> [B].

    KL(softmax(C C^T / d) || softmax(S S^T / d)), summed over layers and queries, in float32.
    """
    divergences = []
    for outputs in zip(selfs, crosses, strict=True):
        width, device = outputs[0].shape[-1], outputs[0].device
        with full_precision(device):
            own, crossed = (
                (output @ output.mT / width).log_softmax(-1) for output in outputs
            )  # [B, Q, Q]
        # Both as logarithms: the gradient through a probability that has become 0 would be nan.
        divergence = F.kl_div(own, crossed, reduction="none", log_target=True)
        divergences.append(divergence.sum(dim=(1, 2)))
    return torch.stack(divergences).sum(0)
