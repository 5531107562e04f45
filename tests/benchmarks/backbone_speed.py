"""What a clip takes the backbone, with each engine and precision, in turns in one run.

    python tests/benchmarks/backbone_speed.py [--backbone swin3d_t] [--threads 2] [--rounds 3]

Against torchvision's own module in float32 on as many threads, ``contiguous32`` clips; OpenVINO as
a worker has it, a clip in each thread. ``share`` is that of this machine's rate of matrix products
in the same precision, measured in the same run, that the products of the network (torchvision's own
count) come to.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.utils.flop_counter import FlopCounterMode

from extractors import build_backbone, get_protocol
from extractors.backbones import Wanted, computes_bf16, open_engine

PROTOCOL = "contiguous32"


def products(backbone: torch.nn.Module, clip: torch.Tensor) -> float:
    """Multiplications and additions (as one) of a clip's matrix products and convolutions."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        backbone(clip)
    return counter.get_total_flops() / 2


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def products_per_second(kind: torch.dtype) -> float:
    """Multiplications and additions (as one) of a large matrix product."""
    size = 2048
    one, other = torch.randn(2, size, size, dtype=kind)
    return size**3 / min(seconds(lambda: one @ other) for _ in range(6))


def ways(name: str, threads: int) -> dict[str, tuple[Callable[[torch.Tensor], object], str]]:
    """By name: what computes a clip, or with OpenVINO as many as threads; and its precision."""
    backbone = build_backbone(name)
    shape = get_protocol(PROTOCOL).clip_shape[:3]
    found: dict[str, tuple[Callable[[torch.Tensor], object], str]] = {
        "torchvision float32": (backbone, "float32")
    }
    for precision in ("float32", "bf16") if computes_bf16() else ("float32",):
        wanted = Wanted(name, "random", backbone.identity.weights_digest, shape, precision)
        for engine in ("torch", "openvino"):
            compute = open_engine(
                engine, "cpu", wanted, lambda line: print(line, flush=True), threads
            )
            if engine == "openvino":
                compute = in_threads(compute, threads)
            found[f"{engine} {precision}"] = (compute, precision)
    return found


def in_threads(
    compute: Callable[[torch.Tensor], object], threads: int
) -> Callable[[torch.Tensor], object]:
    """A clip in each of so many threads at once, that stay."""
    pool = ThreadPoolExecutor(threads)
    return lambda clip: list(pool.map(compute, [clip] * threads))


def measure(name: str, threads: int, rounds: int) -> list[dict[str, object]]:
    torch.set_num_threads(threads)
    clip = torch.rand((1, 3, *get_protocol(PROTOCOL).clip_shape[:3])).sub_(0.5).mul_(4)
    computing = ways(name, threads)
    counted = products(computing["torchvision float32"][0], clip)
    taken: dict[str, list[float]] = {way: [] for way in computing}
    with torch.inference_mode():
        for _ in range(rounds + 1):  # the first is for warming up
            for way, (compute, _) in computing.items():
                taken[way].append(seconds(lambda compute=compute: compute(clip)))
        rate = {
            "float32": products_per_second(torch.float32),
            "bf16": products_per_second(torch.bfloat16),
        }
    at_once = {way: threads if way.startswith("openvino") else 1 for way in taken}
    medians = {way: statistics.median(each[1:]) / at_once[way] for way, each in taken.items()}
    usual = medians["torchvision float32"]
    return [
        {
            "backbone": name,
            "threads": threads,
            "way": way,
            "seconds": round(median, 3),
            "ratio": round(usual / median, 2),
            "share": round(counted / median / rate[computing[way][1]], 2),
        }
        for way, median in medians.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="swin3d_t")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for row in measure(options.backbone, options.threads, options.rounds):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
