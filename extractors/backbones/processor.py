"""The processor of this machine, as far as numbers and speed depend on it; without torch."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from pathlib import Path

_BF16_UNITS = {"avx512_bf16", "amx_bf16", "bf16"}  # the last one on ARM
_LISTS = ("flags", "Features")  # x86-64 and ARM


def computes_bf16() -> bool:
    """Whether it has units for bfloat16; without them that is slower than float32."""
    return bool(_BF16_UNITS & _features())


@cache
def kind() -> str:
    """The same text on processors with the same instructions."""
    parts = [platform.system(), platform.machine(), platform.processor(), *sorted(_features())]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


@cache
def _features() -> frozenset[str]:
    """Instructions that Linux names; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, words = line.partition(":")
        if name.strip() in _LISTS:
            return frozenset(words.split())
    return frozenset()
