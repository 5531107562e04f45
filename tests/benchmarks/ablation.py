"""What each part of the default model is worth, and how far its clip weights agree.

    python tests/benchmarks/ablation.py DATA_ROOT FOLDS.csv [--runs runs/table/default/pcs]

Takes the models that the table trained (folds x seeds), leaves out one part at a time and scores
the held-out videos again; nothing is trained anew, so that a part is judged as the others have
learned beside it. Differences are paired over the folds (means over seeds), with standard errors.
Agreement of weights: rank correlation over the clips of a held-out video, mean over videos, between
models that differ in their seed only, and between a video and the same without its first clips.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aqa import load_checkpoint, load_config, load_dataset, read_features
from aqa.experiments.folds import make_folds
from aqa.metrics import spearman
from aqa.models.clips import model as clip_model
from aqa.models.clips.model import ClipModel

SCORES = ("tes", "pcs")
DEFAULT = "the default model"
CUT_CLIPS = 20


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
        name: layer(descriptors[clip_model.KERNELS[name][0]][None])[0]
        for name, layer in model.kernels.items()
    }
    return Parts(kernels, video[:, 0], (weights * clips).sum(2)[:, 0], weights[:, 0])


def check_repeated(folder: Path, model: ClipModel, predicted: np.ndarray) -> None:
    """Stop unless scores [videos, S] of the held-out videos are those that the run once gave.

    What is compared must have been made by the same code from the same features.
    """
    points = predicted * model.target_std.numpy() + model.target_mean.numpy()
    points = points[:, model.selected] * model.info.score_range[1]
    stored = json.loads((folder / "result.json").read_text())["evaluation"]["predicted"]
    if not np.allclose(points, stored, rtol=0, atol=1e-3):
        sys.exit(f"{folder}: its model gives other scores today; delete it to train it anew")


def paired(figures: np.ndarray, default: np.ndarray) -> str:
    """Mean difference over folds [F] and its standard error; nothing for the default itself."""
    gaps = figures - default
    if not gaps.any():
        return ""
    return f"{gaps.mean():+.3f} +- {gaps.std(ddof=1) / len(gaps) ** 0.5:.3f}"


def variants(model: ClipModel) -> dict[str, Callable[[Parts], Tensor]]:
    share, local = model.config.kernel_share, model.config.clip_share

    def kernel(parts: Parts, without: str | None = None) -> Tensor:
        kept = [value for name, value in parts.kernels.items() if name != without]
        return torch.stack(kept).mean(0)

    def networks(parts: Parts) -> Tensor:
        return (1 - local) * parts.video.mean(0) + local * parts.clips.mean(0)

    found: dict[str, Callable[[Parts], Tensor]] = {
        DEFAULT: lambda p: share * kernel(p) + (1 - share) * networks(p),
        "kernels alone": kernel,
        "networks alone": networks,
        "video scores of the networks alone": lambda p: p.video.mean(0),
        "clip scores of the networks alone": lambda p: p.clips.mean(0),
        "without clip scores": lambda p: share * kernel(p) + (1 - share) * p.video.mean(0),
        "one network instead of all": lambda p: (
            share * kernel(p) + (1 - share) * ((1 - local) * p.video[0] + local * p.clips[0])
        ),
    }
    for name in model.kernels:
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
    figures: dict[str, list[np.ndarray]] = {}
    between_seeds: list[list[float]] = []
    shifted: list[list[float]] = []
    milliseconds: list[float] = []
    for name, (_, held_out) in make_folds(dataset.train, options.folds).items():
        videos = [read_features(example.features_path) for example in held_out]
        true = np.array([example.all_scores for example in held_out])
        weights, of_fold = [], {}
        for checkpoint in sorted(options.runs.glob(f"fold-{name}/seed-*/model.pt")):
            model = load_checkpoint(checkpoint)
            began = time.perf_counter()
            parts = [parts_of(model, features) for features in videos]
            milliseconds.append(1000 * (time.perf_counter() - began) / len(videos))
            weights.append([mean_weights(part) for part in parts])
            for of_whole, features in zip(weights[-1], videos, strict=True):
                of_rest = mean_weights(parts_of(model, features[CUT_CLIPS:]))
                shifted.append(per_score(of_whole[CUT_CLIPS:], of_rest))
            for title, variant in variants(model).items():
                predicted = torch.stack([variant(part) for part in parts]).numpy()
                if title == DEFAULT:
                    check_repeated(checkpoint.parent, model, predicted)
                of_fold.setdefault(title, []).append(per_score(predicted, true))
        for title, rows in of_fold.items():
            figures.setdefault(title, []).append(np.mean(rows, axis=0))
        for one, other in itertools.combinations(weights, 2):
            between_seeds.extend(per_score(a, b) for a, b in zip(one, other, strict=True))
    print(f"{len(milliseconds)} models\n")
    print_table(figures)
    print(f"\nagreement of clip weights, {' and '.join(SCORES)}:")
    print(f"between seeds: {np.mean(between_seeds, axis=0).round(3)}")
    print(f"without the first {CUT_CLIPS} clips: {np.mean(shifted, axis=0).round(3)}, ", end="")
    print(f"lowest of a video {np.min(shifted, axis=0).round(3)}")
    print(f"{sum(t.numel() for t in model.state_dict().values()) / 1e6:.2f} million numbers")
    print(f"{np.median(milliseconds):.0f} ms a video")


def print_table(figures: dict[str, list[np.ndarray]]) -> None:
    """Figures by variant: one [S] a fold."""
    print("| variant | TES | minus default | PCS | minus default |")
    print("| --- | --- | --- | --- | --- |")
    default = np.array(figures[DEFAULT])
    for title, rows in figures.items():
        cells = []
        for of_score, of_default in zip(np.array(rows).T, default.T, strict=True):
            cells += [f"{of_score.mean():.3f}", paired(of_score, of_default)]
        print(f"| {title} | {' | '.join(cells)} |")


def mean_weights(parts: Parts) -> np.ndarray:
    """Clip weights [T, S] of the model: the mean of its networks'."""
    return parts.weights.mean(0).numpy()


def per_score(one: np.ndarray, other: np.ndarray) -> list[float]:
    """Spearman's correlation of each column of [n, S]."""
    return [spearman(one[:, s], other[:, s]) for s in range(len(SCORES))]


if __name__ == "__main__":
    main()
