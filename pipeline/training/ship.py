"""Makes the models that come with the package again, from the data: ``make train-shipped``.

    python -m pipeline.training.ship DATA_ROOT FOLDS.csv

One training on all videos; the given folds tell how good it is and how wide its intervals are.
On one machine the same data give the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aqa import load_checkpoint, load_config, load_dataset
from aqa.checkpoints import FOLDER, SUFFIX, save_compact
from aqa.experiments import METRICS, RunResult, attach_calibration, on_score, plan, summarise
from pipeline.cluster import RayOptions
from pipeline.training.over_ray import run_all
from pipeline.workspace import Console

CONFIG, NAME, SEED = "fisv-pcs", "fisv", 0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/shipped"))
    parser.add_argument("--output", type=Path, default=FOLDER / f"{NAME}{SUFFIX}")
    options = parser.parse_args(arguments)
    console = Console()
    config = load_config(CONFIG)
    dataset = load_dataset(config, options.data_root)
    everything = plan(config, dataset.with_split(dataset.train, []), options.runs, seeds=(SEED,))
    folds = plan(config, dataset, options.runs, seeds=(SEED,), folds=options.folds)
    whole, *held_out = run_all([*everything, *folds], RayOptions(), console)
    attach_calibration(whole.checkpoint, held_out, dataset)
    model = load_checkpoint(whole.checkpoint)
    figures = {
        score: _held_out(on_score(held_out, score, dataset), options.folds)
        for score in dataset.all_scores
    }
    # The config is the package's own; what lies where on this machine is nobody's business.
    model.info = replace(model.info, extra={"held_out": figures})
    save_compact(model, options.output)
    for score, entry in figures.items():
        console.result(f"{NAME}-{score}: {entry}")
    console.result(f"{options.output}: {options.output.stat().st_size / 2**20:.2f} MiB")


def _held_out(results: Sequence[RunResult], folds: Path) -> dict[str, Any]:
    table = summarise(results)
    return {
        **{name: round(table.mean[name], 4) for name in METRICS},
        "std_over_folds": round(table.std_over_folds["spearman"], 4),
        "protocol": f"mean of {len(results)} folds of the training videos, seed {SEED}, "
        f"{table.chosen_on}, folds {folds.name}",
    }


if __name__ == "__main__":
    main()
