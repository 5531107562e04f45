"""What each part of the default model is worth, and how far its clip weights agree.

    python tests/benchmarks/ablation.py DATA_ROOT [--runs runs/table/default/pcs]

Takes the models that the table trained (folds x seeds), leaves out one part at a time and scores
the held-out videos again; nothing is trained anew, so that a part is judged as the others have
learned beside it. Agreement of weights: rank correlation over the clips of a held-out video between
models that differ in their seed only, mean over videos and pairs.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aqa import load_checkpoint, load_config, load_dataset, read_features
from aqa.clip_model import KERNELS, ClipModel
from aqa.experiment import make_folds
from aqa.metrics import spearman

SCORES = ("tes", "pcs")


@dataclass(frozen=True)
class Parts:
    """One held-out video; [S] each, but the weights [M, T, S]."""

    kernels: dict[str, Tensor]
    video: Tensor  # [M, S]
    clips: Tensor  # [M, S]
    weights: Tensor


def parts_of(model: ClipModel, features: np.ndarray) -> Parts:
    inputs, descriptors = model.projection(torch.from_numpy(features))
    mask = torch.ones(1, len(features), dtype=torch.bool)
    video, weights, clips, _ = model.ensemble(inputs[None], mask)
    kernels = {
        name: layer(descriptors[KERNELS[name][0]][None])[0] for name, layer in model.kernels.items()
    }
    return Parts(kernels, video[:, 0], (weights * clips).sum(2)[:, 0], weights[:, 0])


def variants(model: ClipModel) -> dict[str, Callable[[Parts], Tensor]]:
    share, local = model.config.kernel_share, model.config.clip_share

    def kernel(parts: Parts, without: str | None = None) -> Tensor:
        kept = [value for name, value in parts.kernels.items() if name != without]
        return torch.stack(kept).mean(0)

    def networks(parts: Parts) -> Tensor:
        return (1 - local) * parts.video.mean(0) + local * parts.clips.mean(0)

    found: dict[str, Callable[[Parts], Tensor]] = {
        "the default model": lambda p: share * kernel(p) + (1 - share) * networks(p),
        "kernels alone": kernel,
        "networks alone": networks,
        "video scores of the networks alone": lambda p: p.video.mean(0),
        "clip scores of the networks alone": lambda p: p.clips.mean(0),
        "without clip scores": lambda p: share * kernel(p) + (1 - share) * p.video.mean(0),
        "one network instead of all": lambda p: (
            share * kernel(p) + (1 - share) * ((1 - local) * p.video[0] + local * p.clips[0])
        ),
    }
    for name in KERNELS:
        found[f"without the kernel of {name}"] = lambda p, name=name: (
            share * kernel(p, without=name) + (1 - share) * networks(p)
        )
    return found


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/table/default/pcs"))
    options = parser.parse_args()
    dataset = load_dataset(load_config("fisv-pcs"), options.data_root)
    folds = make_folds(dataset.train, options.folds)
    figures: dict[str, list[list[float]]] = {}
    agreements: list[float] = []
    milliseconds = []
    for name, (_, held_out) in folds.items():
        videos = [read_features(example.features_path) for example in held_out]
        true = np.array([example.scores for example in held_out])
        weights = []
        for checkpoint in sorted(options.runs.glob(f"fold-{name}/seed-*/model.pt")):
            model = load_checkpoint(checkpoint)
            began = time.perf_counter()
            parts = [parts_of(model, features) for features in videos]
            milliseconds.append(1000 * (time.perf_counter() - began) / len(videos))
            weights.append([part.weights.mean(0).numpy() for part in parts])
            for title, variant in variants(model).items():
                predicted = torch.stack([variant(part) for part in parts]).numpy()
                figures.setdefault(title, []).append(
                    [spearman(predicted[:, s], true[:, s]) for s in range(len(SCORES))]
                )
        for one, other in itertools.combinations(weights, 2):
            pairs = zip(one, other, strict=True)
            agreements.extend(
                [[spearman(a[:, s], b[:, s]) for s in range(len(SCORES))] for a, b in pairs]
            )
    print(f"| variant, mean of {len(milliseconds)} models | TES | PCS |\n| --- | --- | --- |")
    for title, rows in figures.items():
        tes, pcs = np.mean(rows, axis=0)
        print(f"| {title} | {tes:.3f} | {pcs:.3f} |")
    tes, pcs = np.mean(agreements, axis=0)
    print(f"\nagreement of clip weights between seeds: TES {tes:.3f}, PCS {pcs:.3f}")
    print(f"{sum(t.numel() for t in model.state_dict().values()) / 1e6:.2f} million numbers")
    print(f"{np.median(milliseconds):.0f} ms a video")


if __name__ == "__main__":
    main()
