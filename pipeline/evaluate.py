"""``aqa-pipeline evaluate``: checkpoints against labelled features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aqa import (
    AqaDataset,
    Evaluation,
    Example,
    FeatureOrigin,
    check_origin,
    evaluate,
    load_checkpoint,
    load_config,
    load_dataset,
)
from pipeline.console import Console
from pipeline.errors import UsageError

# Agreement needs no score range; the CSV reader asks for one to train in.
ANY_RANGE = "dataset.score_range=[-1.0e+12, 1.0e+12]"


def find_examples(
    config: str | None,
    data_root: Path | None,
    features: Path | None,
    labels: Path | None,
    split: str | None,
    console: Console,
) -> tuple[Sequence[Example], FeatureOrigin | None]:
    """The labelled videos to evaluate on, and where their features come from."""
    overrides = [ANY_RANGE] if config is None else []
    dataset = load_dataset(
        load_config(config or "own", overrides), data_root, features=features, labels=labels
    )
    for line in dataset.notes:
        console.note(line)
    return _pick(dataset, split, default_all=config is None), dataset.origin


def evaluate_checkpoints(
    paths: Sequence[Path], examples: Sequence[Example], origin: FeatureOrigin | None
) -> Evaluation:
    """The mean score of all checkpoints against the labels; each must know these features."""
    models = []
    for path in paths:
        model = load_checkpoint(path)
        check_origin(model.info, origin, "features to evaluate on")
        models.append(model)
    names = {(model.info.score_name, model.channels) for model in models}
    if len(names) > 1:
        raise UsageError(f"these checkpoints do not score the same thing: {sorted(names)}")
    return evaluate(models, examples)


def _pick(dataset: AqaDataset, split: str | None, default_all: bool) -> Sequence[Example]:
    if split is None and default_all and not dataset.test:
        return dataset.train
    if split is None and not dataset.test:
        raise UsageError(f"{dataset.name} has no test videos here: add --split train")
    return dataset.split(split or "test")
