"""Linear layers of a training through the library that multiplies them fastest.

torch hands float32 products to MKL. On AMD's processors oneDNN, which comes with torch too, is a
fifth faster where a layer's result and the gradient of its input are computed, and not where the
gradient of its weights is (docs/training-speed.md). It is reached through an operator that torch's
own compiler uses and that is no public interface: where it is missing or says something else, and
wherever no gain was measured, everything goes through F.linear.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Smaller products gain nothing, and large ones only up to this many outputs at a time.
_FEWEST_ROWS, _LEAST_WIDTH = 2048, 256


class Linear(nn.Linear):
    """nn.Linear with quicker products in training."""

    def forward(self, input: Tensor) -> Tensor:
        return projections(input, self.weight, self.bias, 1)[0]


def projections(
    tokens: Tensor, weight: Tensor, bias: Tensor | None, count: int
) -> tuple[Tensor, ...]:
    """Tokens [..., d] times the transposed weight [count x n, d], plus the bias, in ``count`` equal
    parts [..., n]."""
    if _gains(tokens, weight, count):
        return Projections.apply(tokens, weight, bias, count)
    return F.linear(tokens, weight, bias).chunk(count, dim=-1)


class Projections(torch.autograd.Function):
    """The results of oneDNN, the gradient of the weight of MKL. A product for each part is faster
    than one for all of them, and leaves each part in memory of its own."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        tokens: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        count: int,
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(tokens, weight)
        biases = [None] * count if bias is None else bias.chunk(count)
        parts = zip(weight.chunk(count), biases, strict=True)
        return tuple(_times_transposed(tokens, part, bias) for part, bias in parts)

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        tokens, weight = ctx.saved_tensors
        grad_tokens = grad_weight = grad_bias = None
        parts = weight.chunk(len(grads))
        if ctx.needs_input_grad[0]:
            for grad, part in zip(grads, parts, strict=True):
                grad_tokens = _times_transposed(grad, part.t(), None, grad_tokens)
        flat = [grad.flatten(0, -2) for grad in grads]
        if ctx.needs_input_grad[1]:
            grad_weight = torch.empty_like(weight)
            for grad, part in zip(flat, grad_weight.chunk(len(grads)), strict=True):
                torch.mm(grad.t(), tokens.flatten(0, -2), out=part)
        if ctx.needs_input_grad[2]:
            grad_bias = torch.cat([grad.sum(0) for grad in flat])
        return grad_tokens, grad_weight, grad_bias, None


def _times_transposed(
    rows: Tensor, matrix: Tensor, bias: Tensor | None, other: Tensor | None = None
) -> Tensor:
    """rows matrix^T + bias + other."""
    operator = torch.ops.mkldnn._linear_pointwise
    if other is None:
        return operator(rows, matrix, bias, "none", [], "")
    return operator.binary(rows, other, matrix, bias, "add")


def _gains(tokens: Tensor, weight: Tensor, count: int) -> bool:
    """A fixed rule, never a timing: a training is repeatable on its machine."""
    width = weight.shape[1]
    return (
        torch.is_grad_enabled()  # scores are those of every other processor
        and tokens.device.type == "cpu"
        and tokens.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and min(width, len(weight) // count) >= _LEAST_WIDTH
        and tokens.numel() >= _FEWEST_ROWS * width
        and _has_quick_products()
    )


@functools.cache
def _has_quick_products() -> bool:
    """Measured on AMD's processors with AVX-512 only; MKL is at home on those of Intel."""
    capabilities = torch.cpu.get_capabilities()
    if "AMD" not in str(capabilities.get("cpu_name")) or not capabilities.get("avx512_f"):
        return False
    rows, matrix, bias = torch.ones(2, 3), torch.eye(3), torch.ones(3)
    try:
        first = _times_transposed(rows, matrix, bias)
        second = _times_transposed(rows, matrix, None, first)
    except (AttributeError, RuntimeError, TypeError):
        return False
    return bool((first == 2).all() and (second == 3).all())
