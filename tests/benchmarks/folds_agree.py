"""Whether the folds' models say the same of a routine: rank correlation of its clips' points.

    python tests/benchmarks/folds_agree.py DATA_ROOT FOLDS.csv [--runs runs/shipped] [--videos 12]

Of the runs that `make train-shipped` leaves: held-out routines of each fold under that fold's model
and under the next one's, which was trained on them. A JSON line for each score.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from aqa import load_checkpoint, load_config, load_dataset
from aqa.data import read_features
from aqa.metrics import spearman


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data_root", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/shipped"))
    parser.add_argument("--videos", type=int, default=12, help="of each fold")
    options = parser.parse_args()
    with options.folds.open(newline="") as file:
        fold_of = {row["id"]: row["fold"] for row in csv.DictReader(file)}
    names = sorted(set(fold_of.values()))
    models = [load_checkpoint(options.runs / f"fold-{name}/seed-0/model.pt") for name in names]
    dataset = load_dataset(load_config("fisv-pcs"), options.data_root)
    paths = {example.id: example.features_path for example in dataset.train}
    for score in dataset.all_scores:
        ours = [model.for_score(score) for model in models]
        found = []
        for number, name in enumerate(names):
            pair = (ours[number], ours[(number + 1) % len(names)])
            held_out = [each for each, fold in fold_of.items() if fold == name][: options.videos]
            for each in held_out:
                clips = read_features(paths[each])
                found.append(spearman(*(model.assess(clips).contributions for model in pair)))
        low, high = np.quantile(found, [0.1, 0.9])
        row = {
            "score": score,
            "videos": len(found),
            "mean": np.mean(found),
            "from": low,
            "to": high,
        }
        print(json.dumps({key: value if isinstance(value, (str, int)) else round(float(value), 3)
                          for key, value in row.items()}))  # fmt: skip


if __name__ == "__main__":
    main()
