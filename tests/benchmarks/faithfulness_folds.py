"""The measure of explanations on Fis-V, over held-out folds: ``make faithfulness``.

    python tests/benchmarks/faithfulness_folds.py DATA_ROOT FOLDS.csv [--kinds clips kernel-ridge]

Trains each kind on the folds' training videos and measures it on the held-out ones: blocks pooled
over a fold, then means over folds. For the default model also seeds, the agreement of contributions
between seeds and between folds' models, contributions at random, and those of a model that was
trained on shuffled labels against the true model's score changes. JSON lines.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aqa import ScoringModel, load_config, load_dataset, train
from aqa.data import AqaDataset, Example
from aqa.experiments.folds import make_folds
from aqa.faithfulness import (
    Explainer,
    at_random,
    measure,
    of_model,
    rank_agreement,
)
from aqa.metrics import spearman

SCORES = ("tes", "pcs")


def trained(kind: str, score: str, dataset: AqaDataset, seed: int) -> ScoringModel:
    settings = [f"model.kind={kind}", f"dataset.score={score}"]
    if kind == "published":
        settings += ["model.width=256", "training.epochs=10", "training.learning_rate=1e-3"]
    return train(load_config("fisv-pcs", settings), dataset, seed=seed)


def shuffled(dataset: AqaDataset, seed: int) -> AqaDataset:
    order = np.random.default_rng(seed).permutation(len(dataset.train))
    examples = [
        replace(
            example, score=dataset.train[other].score, all_scores=dataset.train[other].all_scores
        )
        for example, other in zip(dataset.train, order, strict=True)
    ]
    return dataset.with_split(examples, dataset.test)


def figures(
    model: ScoringModel, held_out: list[Example], explain: Explainer | None = None
) -> dict[str, Any]:
    place = model.info.all_scores.index(model.info.score_name)
    videos = [example.read()[0] for example in held_out]
    true = [example.all_scores[place] if len(model.info.all_scores) > 1 else example.score
            for example in held_out]  # fmt: skip
    found = measure(model, videos, true, explain).to_dict()
    found["curves"] = {key: value for key, value in found["curves"].items() if "area" in key}
    found["spearman"] = spearman([model.assess(each).score for each in videos], true)
    return found


def mean_of(rows: list[Any]) -> Any:
    """Number by number over folds."""
    if isinstance(rows[0], dict):
        return {key: mean_of([row[key] for row in rows]) for key in rows[0]}
    if isinstance(rows[0], list):
        return [mean_of(list(parts)) for parts in zip(*rows, strict=True)]
    return round(float(np.mean(rows)), 4) if isinstance(rows[0], int | float) else rows[0]


def say(**row: Any) -> None:
    print(json.dumps(row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data_root", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--kinds", nargs="+", default=["clips", "kernel-ridge", "ridge"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only-folds", nargs="+")
    options = parser.parse_args()
    whole = load_dataset(load_config("fisv-pcs"), options.data_root)
    folds = make_folds(whole.train, options.folds)
    names = options.only_folds or list(folds)
    for kind in options.kinds:
        by_score: dict[str, list[dict[str, Any]]] = {score: [] for score in SCORES}
        began = time.monotonic()
        for name in names:
            learned, held_out = folds[name]
            for score in SCORES:
                place = whole.all_scores.index(score)
                of_score = [
                    [replace(e, score=e.all_scores[place]) for e in part]
                    for part in (learned, held_out)
                ]
                split = replace(whole, score_name=score).with_split(*of_score)
                model = trained(kind, score, split, options.seeds[0])
                found = figures(model, of_score[1])
                if kind == "clips":
                    found |= _against_others(model, split, options.seeds)
                by_score[score].append(found)
                minutes = round((time.monotonic() - began) / 60, 1)
                say(kind=kind, fold=name, score=score, minutes=minutes,
                    ten=found["replaced"]["10"], spearman=found["spearman"])  # fmt: skip
        for score, rows in by_score.items():
            say(kind=kind, score=score, folds=len(rows), **mean_of(rows))


def _against_others(model: ScoringModel, split: AqaDataset, seeds: list[int]) -> dict[str, Any]:
    """The same fold with other seeds, with half of the training videos, at random, and with
    shuffled labels."""
    held_out = list(split.test)
    config = load_config("fisv-pcs", [f"dataset.score={split.score_name}"])
    videos = [example.read()[0] for example in held_out]

    def agreement(other: ScoringModel) -> float:
        return rank_agreement(own, [of_model(other)(each) for each in videos])

    own = [of_model(model)(each) for each in videos]
    found: dict[str, Any] = {}
    if len(seeds) > 1:
        others = [train(config, split, seed=seed) for seed in seeds[1:]]
        found["seeds_agree"] = float(np.mean([agreement(other) for other in others]))
    half = train(config, split.with_split(split.train[::2], split.test))
    found["half_the_videos_agree"] = agreement(half)
    wrong = of_model(train(config, shuffled(split, 0)))
    for name, explain in (("chance", at_random(0)), ("shuffled", wrong)):
        row = figures(model, held_out, explain)
        found[name] = {
            "ten": row["replaced"]["10"]["correlation"],
            "twenty": row["replaced"]["20"]["correlation"],
            "hit_20": row["planted"][-1]["hit"],
            "chance_20": row["planted"][-1]["chance"],
        }
    return found


if __name__ == "__main__":
    main()
