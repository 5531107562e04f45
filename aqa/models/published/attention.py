"""Multi-head attention that never holds its weights as a whole, with dropout or without.

Shapes: B videos, Q queries, T clips, d the model's width, h the width of a head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa.errors import AqaError
from aqa.models.parts.dropout import drawn
from aqa.models.published.products import Linear, projections


class Attention(nn.Module):
    """The parameters and the result of nn.MultiheadAttention, without its weights."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise AqaError(f"a width of {width} is no multiple of {heads} heads")
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """[B, Q, d], [B, T, d], [B, T, d]; mask bool [B, T], True at real clips -> float32
        [B, Q, d]."""
        return self._attend(self._project(query, key, value), mask)

    def over_constant(self, tokens: Tensor, norm: nn.LayerNorm, position: Tensor | None) -> Tensor:
        """Self-attention of norm(tokens), the position added to queries and keys, for tokens
        [B, Q, d] that need no gradient -> float32 [B, Q, d].

        The weight of the norm goes into the projections; its bias and the position become a part
        that all videos share. So the gradient never has to pass the B x Q inputs.
        """
        plain = F.layer_norm(tokens, norm.normalized_shape, eps=norm.eps)
        value = norm.bias.expand(plain.shape[1:])  # [Q, d]
        placed = value if position is None else value + position
        shared = self._project(placed, placed, value)  # [Q, d] each
        own = projections(plain, self.in_proj_weight * norm.weight, None, 3)
        return self._attend([one + other for one, other in zip(own, shared, strict=True)], None)

    def _attend(self, projected: Sequence[Tensor], mask: Tensor | None) -> Tensor:
        q, k, v = (
            tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2) for tokens in projected
        )  # [B, heads, Q or T, h]
        allowed = None if mask is None else mask[:, None, None, :]
        rate = self.dropout if self.training else 0.0
        if rate and q.device.type == "cpu":
            # torch's fused kernel for the CPU knows no dropout.
            seed = int(torch.randint(1 << 62, ()))
            attended = DropoutAttention.apply(q, k, v, allowed, rate, seed)
        else:
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=rate)
        return self.out_proj(attended.transpose(1, 2).flatten(2)).float()

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Projected query, key and value; what has the same input goes through one product."""
        width = self.out_proj.in_features
        groups = [[query, 1], [key, 1], [value, 1]]
        for first in (1, 0):
            if groups[first][0] is groups[first + 1][0]:
                groups[first][1] += groups.pop(first + 1)[1]
        sizes = [count * width for _, count in groups]
        projected = []
        for (tokens, count), weight, bias in zip(
            groups, self.in_proj_weight.split(sizes), self.in_proj_bias.split(sizes), strict=True
        ):
            projected.extend(projections(tokens, weight, bias, count))
        return projected


class DropoutAttention(torch.autograd.Function):
    """softmax(q k^T / sqrt(h)) with dropout, times v, one video at a time, on the CPU.

    As in FlashAttention (arXiv 2205.14135) the backward pass computes the weights again instead
    of keeping them, and draws the same dropout again from its seed. The products are of the type
    of q, k and v; the softmax and its gradient are in float32.
    """

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        allowed: Tensor | None,
        rate: float,
        seed: int,
    ) -> Tensor:
        """q [B, heads, Q, h], k and v [B, heads, T, h], allowed bool [B, 1, 1, T] or None."""
        ctx.save_for_backward(q, k, v, allowed)
        ctx.rate, ctx.seed = rate, seed
        attended = torch.empty_like(q)
        generator = torch.Generator().manual_seed(seed)
        for video in range(len(q)):
            weights = _weights(q[video], k[video], None if allowed is None else allowed[video])
            weights *= drawn(weights.shape, rate, generator)
            attended[video] = _product(weights, v[video], 1.0 / (1.0 - rate))
        return attended

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        q, k, v, allowed = ctx.saved_tensors
        grad_q, grad_k, grad_v = (torch.empty_like(values) for values in (q, k, v))
        scale, kept = 1.0 / math.sqrt(q.shape[-1]), 1.0 / (1.0 - ctx.rate)
        generator = torch.Generator().manual_seed(ctx.seed)
        for video in range(len(q)):
            weights = _weights(q[video], k[video], None if allowed is None else allowed[video])
            drop, above = drawn(weights.shape, ctx.rate, generator), grad[video]
            grad_v[video] = _product((weights * drop).transpose(-1, -2), above, kept)
            grad_weights = _product(above, v[video].transpose(-1, -2), kept).float().mul_(drop)
            # The gradient of softmax: p * (g - sum(p * g)).
            grad_logits = torch.ops.aten._softmax_backward_data(
                grad_weights, weights, -1, weights.dtype
            )
            grad_q[video] = _product(grad_logits, k[video], scale)
            grad_k[video] = _product(grad_logits.transpose(-1, -2), q[video], scale)
        return grad_q, grad_k, grad_v, None, None, None


def _weights(q: Tensor, k: Tensor, allowed: Tensor | None) -> Tensor:
    """Attention weights of one video, float32 [heads, Q, T], small enough to stay in the cache."""
    logits = _product(q, k.transpose(-1, -2), 1.0 / math.sqrt(q.shape[-1])).float()
    if allowed is not None:
        logits.masked_fill_(~allowed, float("-inf"))
    return logits.softmax(-1)


def _product(left: Tensor, right: Tensor, scale: float) -> Tensor:
    """scale x left right, [heads, n, m] x [heads, m, l], in the type of ``right``."""
    left = left.to(right.dtype)
    if left.dtype != torch.float32:
        # With a strided left side a product of bfloat16 numbers takes more than twice as long.
        left = left.contiguous()
    result = left.new_empty(*left.shape[:-1], right.shape[-1])
    return result.baddbmm_(left, right, beta=0, alpha=scale)
