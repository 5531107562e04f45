"""CPU or GPU: of this machine, or of a cluster that is joined."""

from __future__ import annotations

import os

from pipeline.cluster.session import RayOptions, cluster_gpus
from pipeline.errors import UsageError


def choose_device(name: str) -> str:
    """``auto`` is cuda where there is one; asking for cuda where there is none is an error."""
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("--device cuda, but torch sees no GPU: use --device cpu")
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {name}: expected auto, cpu or cuda")
    return "cuda" if available and name != "cpu" else "cpu"


def choose_cluster_device(name: str, options: RayOptions) -> str:
    """As ``choose_device``, but of the cluster that is joined: this machine need not have a GPU."""
    if name == "cpu":
        return "cpu"
    gpus = cluster_gpus(options)
    if name == "cuda" and not gpus:
        raise UsageError(f"--device cuda, but {options.address} has no GPU: use --device cpu")
    if name not in ("auto", "cuda"):
        raise UsageError(f"--device {name}: expected auto, cpu or cuda")
    return "cuda" if gpus else "cpu"


def usable_cpus() -> int:
    """Of this machine, those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
