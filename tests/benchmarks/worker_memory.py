"""Peak memory of one worker that has computed four clips: each engine against torchvision's module.

    python tests/benchmarks/worker_memory.py [--backbone swin3d_t]

Each in a process of its own with one torch thread, the largest resident set that the kernel saw.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np

from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.batch import Batch
from pipeline.extraction.stages.spec import make_spec

WAYS = ("torchvision", "torch", "openvino")
CLIPS = 4


def compute(way: str, name: str, digest: str) -> int:
    """Peak bytes of this process; a worker is told the weights' digest."""
    if way == "torchvision":
        usual(name)
        return peak()
    spec = make_spec(
        architecture=name, weights="random", protocol="contiguous32", device="cpu", engine=way
    )
    extractor = FeatureExtractor(replace(spec, weights_digest=digest))
    clips = np.zeros((1, *spec.batch_shape[1:]), np.uint8)
    for _ in range(CLIPS):
        assert not extractor(Batch("v", clips=clips, valid=1, total=1)).error
    return peak()


def usual(name: str) -> None:
    import torch

    from extractors import build_backbone, get_protocol

    backbone = build_backbone(name)
    with torch.inference_mode():
        for _ in range(CLIPS):
            backbone(torch.zeros((1, 3, *get_protocol("contiguous32").clip_shape[:3])))


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure_one(way: str, name: str, digest: str) -> int:
    command = [sys.executable, __file__, "--backbone", name, "--way", way, "--digest", digest]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    return int(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backbone", default="swin3d_t")
    parser.add_argument("--way", choices=WAYS, help="this one, in this process")
    parser.add_argument("--digest")
    options = parser.parse_args()
    if options.way:
        print(compute(options.way, options.backbone, options.digest))
        return
    from extractors import build_backbone

    digest = build_backbone(options.backbone).identity.weights_digest
    measure_one("openvino", options.backbone, digest)  # converts the backbone, which no worker does
    peaks = {way: measure_one(way, options.backbone, digest) / 2**30 for way in WAYS}
    for way, peak in peaks.items():
        row = {"backbone": options.backbone, "way": way, "gib": round(peak, 2)}
        print(json.dumps(row | {"ratio": round(peak / peaks["torchvision"], 2)}))


if __name__ == "__main__":
    main()
