"""``aqa-pipeline evaluate``: checkpoints, or their mean as an ensemble, against labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aqa import (
    AqaDataset,
    Evaluation,
    Example,
    ExperimentConfig,
    FeatureOrigin,
    ScoringModel,
    check_origin,
    load_checkpoint,
    load_config,
    load_dataset,
)
from aqa.data import OWN_SCORE
from aqa.experiments import METRICS, evaluate_each, figures
from aqa.storage import Place
from pipeline.errors import UsageError
from pipeline.workspace import Console

# Agreement needs no score range; the CSV reader asks for one to train in.
ANY_RANGE = "dataset.score_range=[-1.0e+12, 1.0e+12]"
ENSEMBLE = "ensemble"
# What a model of somebody's own scores calls them where it was not told a name.
UNNAMED = OWN_SCORE


@dataclass(frozen=True)
class Labelled:
    """The videos to evaluate on, what their labels are, and where their features come from."""

    name: str  # of the config or the label file
    examples: Sequence[Example]
    score: str | None  # None: the labels do not say which
    origin: FeatureOrigin | None


@dataclass(frozen=True)
class Member:
    """One checkpoint by itself."""

    checkpoint: str
    seed: int | None
    epochs: int | None
    chosen_on: str  # how that number of epochs was chosen
    evaluation: Evaluation


@dataclass(frozen=True)
class Agreement:
    """How well checkpoints agree with labels: their mean score, and each by itself."""

    name: str
    score: str
    ensemble: Evaluation  # of one member: its own
    members: tuple[Member, ...]

    @property
    def chosen_on(self) -> str:
        return ", ".join(sorted({member.chosen_on for member in self.members}))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One a member; then, where there are several, that of the ensemble."""
        rows = [
            _row(m.checkpoint, m.evaluation, (m.seed, m.epochs, m.chosen_on)) for m in self.members
        ]
        if len(rows) > 1:
            rows.append(_row(ENSEMBLE, self.ensemble, (None, None, self.chosen_on)))
        return rows

    def over_members(self) -> dict[str, dict[str, float]]:
        """Mean and sample standard deviation (nan of one) of the members' figures."""
        of_each = [figures(member.evaluation) for member in self.members]
        values = {name: [entry[name] for entry in of_each] for name in METRICS}
        several = len(of_each) > 1
        return {
            "mean": {name: float(np.mean(row)) for name, row in values.items()},
            "std": {
                name: float(np.std(row, ddof=1)) if several else float("nan")
                for name, row in values.items()
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """Without what was predicted for each video."""
        return {
            "checkpoints": [member.checkpoint for member in self.members],
            "labels": self.name,
            "score": self.score,
            "chosen_on": self.chosen_on,
            "videos": len(self.ensemble.ids),
            **figures(self.ensemble),
            "spearman_interval": list(self.ensemble.spearman_interval),
            "members": [row for row in self.rows if row["checkpoint"] != ENSEMBLE],
            **self.over_members(),
        }


def find_examples(
    config: str | None,
    data_root: Path | None,
    features: Place | None,
    labels: Path | None,
    split: str | None,
    console: Console,
) -> Labelled:
    """The labelled videos to evaluate on: of a config's data set, or of a label file."""
    overrides = [ANY_RANGE] if config is None else []
    experiment = load_config(config or "own", overrides)
    dataset = load_dataset(experiment, data_root, features=features, labels=labels)
    for line in dataset.notes:
        console.note(line)
    if split == "train":
        console.warn("--split train: a model that was trained on these videos does better on them")
    return Labelled(
        name=experiment.name if config else str(labels),
        examples=_pick(dataset, split, default_all=config is None),
        score=_score_of(experiment),
        origin=dataset.origin,
    )


def evaluate_checkpoints(paths: Sequence[Path], labelled: Labelled, console: Console) -> Agreement:
    """All checkpoints and their mean score against the labels; each must know these features, and
    the score that the labels are of."""
    models = []
    for path in paths:
        models.append(on_labels(load_checkpoint(path), path, labelled, console))
    names = {(model.info.score_name, model.channels) for model in models}
    if len(names) > 1:
        kinds = " and ".join(f"{score} from {width} channels" for score, width in sorted(names))
        raise UsageError(f"no ensemble: these checkpoints score {kinds}")
    ensemble, each = evaluate_each(models, labelled.examples)
    members = tuple(
        Member(str(path), model.info.seed, model.info.epochs, str(model.info.chosen_on), evaluation)
        for path, model, evaluation in zip(paths, models, each, strict=True)
    )
    return Agreement(labelled.name, models[0].info.score_name, ensemble, members)


def on_labels(
    model: ScoringModel, path: Path, labelled: Labelled, console: Console
) -> ScoringModel:
    """The model as it gives the score that the labels are of; UsageError if it never learned it,
    AqaError if it knows other features."""
    check_origin(model.info, labelled.origin, "features to evaluate on")
    examples = labelled.examples if model.info.training_marks else ()
    known = sum(bool(model.trained_on(e.read(model.channels)[0])) for e in examples)
    if known:
        console.warn(
            f"{path} was trained on {known} of these {len(examples)} videos: it does better on them"
        )
    wanted, given = labelled.score, model.info.score_name
    if wanted in (None, given):
        return model
    if wanted in model.info.all_scores:
        learned = " and ".join(model.info.all_scores)
        console.note(f"{path}: learned {learned}; evaluated as {wanted}, like {labelled.name}")
        return model.for_score(wanted)
    if given == UNNAMED:
        console.warn(
            f"{path} does not say what its scores are; the labels of {labelled.name} are {wanted}"
        )
        return model
    raise UsageError(
        f"{path} scores {' and '.join(model.info.all_scores)}, the labels of {labelled.name} are "
        f"{wanted}: give a checkpoint of {wanted}, or labels of {given}"
    )


def _score_of(experiment: ExperimentConfig) -> str | None:
    dataset = experiment.dataset
    named = dataset.score is not None or dataset.known.scores
    return dataset.score_name if named else None


def _row(
    checkpoint: str, evaluation: Evaluation, trained: tuple[int | None, int | None, str]
) -> dict[str, Any]:
    seed, epochs, chosen_on = trained
    low, high = evaluation.spearman_interval
    return {
        "checkpoint": checkpoint,
        "seed": seed,
        "videos": len(evaluation.ids),
        **figures(evaluation),
        "spearman_low": low,
        "spearman_high": high,
        "epochs": epochs,
        "chosen_on": chosen_on,
    }


def _pick(dataset: AqaDataset, split: str | None, default_all: bool) -> Sequence[Example]:
    if split is None and default_all and not dataset.test:
        return dataset.train
    if split is None and not dataset.test:
        raise UsageError(f"{dataset.name} has no test videos here: add --split train")
    return dataset.split(split or "test")
