"""Number formats of a training: matrix products in float32 or bfloat16, all else in float32.

Weights, their gradients as the optimizer sees them, normalisations, softmax and losses stay in
float32 either way, and scoring knows float32 only.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from aqa.errors import AqaError

# Instructions that multiply bfloat16 numbers; without one of them a CPU takes a slow detour.
_CPU_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def check_precision(precision: str, device: torch.device) -> None:
    """AqaError where a device has no products of this precision, before they are asked for."""
    if precision == "bf16" and not _has_bf16(device):
        what = {"cpu": "CPU", "cuda": "GPU"}.get(device.type, device.type)
        raise AqaError(
            f"training.precision bf16: this {what} has no bfloat16 products and would only be "
            "slower, use float32"
        )


def products_in(precision: str, device: torch.device) -> AbstractContextManager:
    """A context whose matrix products are of this precision; their inputs and results are cast."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def full_precision(device: torch.device) -> AbstractContextManager:
    """Inside :func:`products_in`: what has to be in float32 all the same."""
    return torch.autocast(device.type, enabled=False)


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name) for name in _CPU_INSTRUCTIONS)
    return False
