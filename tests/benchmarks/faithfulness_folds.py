"""The measure of explanations on Fis-V, over held-out folds: ``make faithfulness``.

    python tests/benchmarks/faithfulness_folds.py DATA_ROOT FOLDS.csv [--kinds clips kernel-ridge]
    python tests/benchmarks/faithfulness_folds.py --merge ROWS...

Trains each kind on the folds' training videos and measures it on the held-out ones: blocks pooled
over a fold. For the default model also the agreement of contributions between seeds and with half
of the training videos, contributions at random, and those of a model that was trained on shuffled
labels against the true model's score changes. A JSON line for each fold and score; then, or of the
lines in files, means over folds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aqa import ScoringModel, load_config, load_dataset, train
from aqa.data import AqaDataset
from aqa.experiments.folds import make_folds
from aqa.faithfulness import Explainer, at_random, measure, of_model, rank_agreement
from aqa.metrics import spearman

SCORES = ("tes", "pcs")
DRAWS = 3
CHANCE_ON = 30  # videos
SETTINGS = {
    "published": ("model.width=256", "model.feedforward=256", "model.head_widths=[128,64]",
                  "model.attention_dropout=0", "training.epochs=10", "training.learning_rate=1e-3",
                  "training.correlation_loss=1", "training.input_noise=0"),
}  # fmt: skip


def trained(kind: str, score: str, dataset: AqaDataset, seed: int = 0) -> ScoringModel:
    """As it gives the score; the default model has learned both."""
    if kind == "clips":
        return train(load_config("fisv-pcs"), dataset, seed=seed).for_score(score)
    settings = (f"model.kind={kind}", "dataset.all_scores=[]", *SETTINGS.get(kind, ()))
    return train(load_config(f"fisv-{score}", settings), dataset, seed=seed)


def on_score(dataset: AqaDataset, score: str) -> AqaDataset:
    place = dataset.all_scores.index(score)
    parts = [
        [replace(example, score=example.all_scores[place]) for example in part]
        for part in (dataset.train, dataset.test)
    ]
    return replace(dataset, score_name=score).with_split(*parts)


def shuffled(dataset: AqaDataset) -> AqaDataset:
    order = np.random.default_rng(0).permutation(len(dataset.train))
    others = [dataset.train[number] for number in order]
    examples = [
        replace(example, score=other.score, all_scores=other.all_scores)
        for example, other in zip(dataset.train, others, strict=True)
    ]
    return dataset.with_split(examples, dataset.test)


def fold_rows(kind: str, fold: str, dataset: AqaDataset, seeds: Sequence[int]) -> Iterator[dict]:
    videos = [example.read()[0] for example in dataset.test]
    joint = kind == "clips"
    models = {"": trained("clips", "pcs", dataset)} if joint else {}
    others = [trained("clips", "pcs", dataset, seed) for seed in seeds[1:]] if joint else []
    if joint:
        half = dataset.with_split(dataset.train[::2], dataset.test)
        models |= {"half": trained("clips", "pcs", half)}
        models |= {"wrong": trained("clips", "pcs", shuffled(dataset))}
    for score in SCORES:
        of_score = on_score(dataset, score)
        model = models[""].for_score(score) if joint else trained(kind, score, of_score)
        true = [example.score for example in of_score.test]
        found = figures(model, videos, true)
        found |= {"kind": kind, "fold": fold, "score": score}
        if joint:
            own = [of_model(model)(each) for each in videos]
            agree = [agreement(own, other.for_score(score), videos) for other in others]
            found["seeds_agree"] = float(np.mean(agree)) if agree else None
            found["half_agrees"] = agreement(own, models["half"].for_score(score), videos)
            few, labels = videos[:CHANCE_ON], true[:CHANCE_ON]
            wrong = of_model(models["wrong"].for_score(score))
            found["chance"] = figures(model, few, labels, at_random(0))
            found["shuffled"] = figures(model, few, labels, wrong)
        yield found


def agreement(own: list[np.ndarray], other: ScoringModel, videos: list[np.ndarray]) -> float:
    return rank_agreement(own, [of_model(other)(each) for each in videos])


def figures(
    model: ScoringModel,
    videos: list[np.ndarray],
    true: list[float],
    explain: Explainer | None = None,
) -> dict[str, Any]:
    found = measure(model, videos, true, explain, draws=DRAWS).to_dict()
    found["curves"] = {key: value for key, value in found["curves"].items() if "area" in key}
    found["spearman"] = spearman([model.score_of(each) for each in videos], true)
    return found


def mean_of(rows: list[Any]) -> Any:
    """Number by number over folds."""
    if isinstance(rows[0], dict):
        return {key: mean_of([row[key] for row in rows]) for key in rows[0]}
    if isinstance(rows[0], list):
        return [mean_of(list(parts)) for parts in zip(*rows, strict=True)]
    return round(float(np.mean(rows)), 4) if isinstance(rows[0], int | float) else rows[0]


def print_means(rows: list[dict[str, Any]]) -> None:
    for key in dict.fromkeys((row["kind"], row["score"]) for row in rows):
        of_key = [row for row in rows if (row["kind"], row["score"]) == key]
        folds = sorted(row["fold"] for row in of_key)
        print(json.dumps({"folds": folds, **mean_of([{**row, "fold": ""} for row in of_key])}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data_root", type=Path, nargs="?")
    parser.add_argument("folds", type=Path, nargs="?")
    parser.add_argument("--kinds", nargs="+", default=["clips", "kernel-ridge", "ridge"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only-folds", nargs="+")
    parser.add_argument("--merge", type=Path, nargs="+")
    options = parser.parse_args()
    if options.merge:
        lines = [line for path in options.merge for line in path.read_text().splitlines()]
        rows = [json.loads(line) for line in lines if line.startswith("{")]
        print_means([row for row in rows if "folds" not in row])
        return
    whole = load_dataset(load_config("fisv-pcs"), options.data_root)
    folds, rows = make_folds(whole.train, options.folds), []
    for kind in options.kinds:
        for name in options.only_folds or folds:
            for row in fold_rows(kind, name, whole.with_split(*folds[name]), options.seeds):
                rows.append(row)
                print(json.dumps(row), flush=True)
    print_means(rows)


if __name__ == "__main__":
    main()
