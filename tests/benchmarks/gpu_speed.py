"""Clips a second of a backbone on a GPU, at batches of 1 to 64, against torchvision's eager module.

    python tests/benchmarks/gpu_speed.py [--backbone swin3d_b] [--batches 1 4 16 64] [--cores 16]

Eager float32, eager bfloat16 and ours (``TorchEngine``, bfloat16), in turns; ``share`` is that of
the bfloat16 matrix products measured in the same run. Beside it what so many cores read and prepare
of 720p H.264, a process each. ``--device cpu`` tries the script where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from backbone_speed import products
from decoding_speed import ours
from footage import write_footage
from torch import Tensor

from extractors import build_backbone, get_protocol
from extractors.backbones import Wanted
from extractors.backbones.torch_engine import TorchEngine

SHAPE = get_protocol("contiguous32").clip_shape[:3]


def seconds(call: Callable[[], object], device: str, rounds: int) -> float:
    """Median; the device has come to its end each time."""

    def once() -> float:
        began = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    once()
    return statistics.median(once() for _ in range(rounds))


def product_rate(device: str, rounds: int) -> float:
    """Multiplications and additions (as one) a second of a large product in bfloat16."""
    size = 8192 if device == "cuda" else 512
    one, other = torch.randn(2, size, size, device=device, dtype=torch.bfloat16)
    return size**3 / seconds(lambda: one @ other, device, rounds)


def measure(name: str, device: str, batches: list[int], rounds: int) -> list[dict[str, object]]:
    backbone = build_backbone(name)
    wanted = Wanted(name, "random", backbone.identity.weights_digest, SHAPE, "bf16")
    engine, trunk = TorchEngine(wanted, device), backbone.trunk.to(device)

    def half(clips: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16):
            return trunk(clips)

    ways = {"eager float32": trunk, "eager bf16": half, "ours bf16": engine}
    rate, rows = product_rate(device, rounds), []
    counted = products(trunk, torch.zeros((1, 3, *SHAPE), device=device))
    for count in batches:
        clips = torch.randn((count, 3, *SHAPE), device=device)
        for way, compute in ways.items():
            row: dict[str, object] = {"backbone": name, "batch": count, "way": way}
            try:
                with torch.inference_mode():
                    took = seconds(partial(compute, clips), device, rounds)
            except torch.OutOfMemoryError:
                rows.append(row | {"clips_per_s": None})
                continue
            row["clips_per_s"] = round(count / took, 2)
            row["share"] = round(counted * count / took / rate, 3)
            rows.append(row)
    return rows


def decoding(cores: int, length_s: float) -> float:
    """Frames a second of so many reading processes at once."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cores) as pool:
        video = write_footage(Path(folder) / "720p.mp4", length_s, 1280, 720)
        list(pool.map(ours, [video] * cores))  # all are started
        began = time.perf_counter()
        return sum(pool.map(ours, [video] * cores)) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backbone", default="swin3d_b")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    for row in measure(options.backbone, options.device, options.batches, options.rounds):
        print(json.dumps(row), flush=True)
    rate = decoding(options.cores, options.seconds)
    print(json.dumps({"decoding_cores": options.cores, "frames_per_s": round(rate, 1)}))


if __name__ == "__main__":
    main()
