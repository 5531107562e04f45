"""A training epoch of the published Fis-V configuration: float32 against bfloat16 products.

    python tests/benchmarks/training_speed.py DATA_ROOT [--epochs 2] [--threads 2] [--device cuda]

Both take turns, a step each, in one process, so that whatever else the machine does meets both. A
precision that the device has no products for is named and left out: docs/training-speed.md.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from aqa import AqaError, ExperimentConfig, load_config, load_dataset
from aqa.data.dataset import AqaDataset
from aqa.models.parts.precision import check_precision
from aqa.training.epochs import shuffled_batches, start
from aqa.training.paper import paper_optimizer, paper_step


def steps(config: ExperimentConfig, dataset: AqaDataset, device: torch.device) -> Iterator[None]:
    """Epoch after epoch, as :func:`aqa.training.paper.train_paper` without its evaluation."""
    recipe, step = config.training, 0
    model, videos = start(config, dataset, device)
    model.train()
    optimizer = paper_optimizer(model, recipe)
    while True:
        for indices in shuffled_batches(len(videos), recipe.batch_size, device):
            step += 1
            batch = videos.cut(indices, config.model.clip_count), videos.targets[indices]
            paper_step(model, recipe, optimizer, step, batch)
            yield


def seconds(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    trainings: dict[str, Iterator[None]] = {}
    for precision in ("float32", "bf16"):
        try:
            check_precision(precision, device)
        except AqaError as error:
            print(error, file=sys.stderr)
            continue
        overrides = ["training.recipe=paper", f"training.precision={precision}"]
        config = load_config("fisv-pcs", overrides)
        dataset = load_dataset(config, options.data_root)
        trainings[precision] = steps(config, dataset, device)
        next(trainings[precision])  # it also reads the data and prepares things: not counted
    per_epoch = math.ceil(len(dataset.train) / config.training.batch_size)
    epochs: dict[str, list[float]] = {precision: [] for precision in trainings}
    for _ in range(options.epochs):
        spent = dict.fromkeys(trainings, 0.0)
        for _ in range(per_epoch):
            for precision, training in trainings.items():
                began = seconds(device)
                next(training)
                spent[precision] += seconds(device) - began
        for precision, took in spent.items():
            epochs[precision].append(took)
    medians = {precision: statistics.median(took) for precision, took in epochs.items()}
    for precision, took in medians.items():
        row = {"precision": precision, "videos": len(dataset.train), "threads": options.threads,
               "device": str(device), "epoch_s": round(took, 1),
               "ratio": round(medians["float32"] / took, 2)}  # fmt: skip
        print(json.dumps(row))


if __name__ == "__main__":
    main()
