"""Folds x seeds: every combination is one run, every finished run is kept, one table at the end.

``plan`` gives the runs, ``run`` does one of them (a pure function of its argument, for whoever
spreads them over machines), ``summarise`` makes the table.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aqa.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from aqa.config import ExperimentConfig
from aqa.data.dataset import AqaDataset, Example
from aqa.errors import AqaError, listing
from aqa.experiments.evaluation import Evaluation, bootstrap_interval, evaluate
from aqa.models.calibration import Calibration, calibrate
from aqa.storage.whole_files import read_json, write_atomically, write_json
from aqa.training.epochs import OnEpoch
from aqa.training.recipes import fingerprint, train

WHOLE = "none"  # the fold of a training on everything, with nothing held out
METRICS = ("spearman", "relative_l2", "kendall", "mean_absolute_error")


@dataclass(frozen=True)
class Run:
    """One training with its held-out videos. ``folder`` gets model.pt and result.json."""

    fold: str
    seed: int
    config: ExperimentConfig
    dataset: AqaDataset  # train and test as this run sees them
    folder: Path
    device: str = "cpu"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.config, self.dataset, self.seed)


@dataclass(frozen=True)
class RunResult:
    fold: str
    seed: int
    checkpoint: Path
    chosen_on: str
    epochs: int
    evaluation: Evaluation | None  # None: nothing was held out
    history: tuple[dict[str, float], ...] = ()  # one entry an epoch


def make_folds(
    examples: Sequence[Example], folds: int | str | Path
) -> dict[str, tuple[list[Example], list[Example]]]:
    """Fold name -> (training, held-out) examples; ``folds`` is a number or a CSV of id,fold.

    A number deals the videos out by their score, so that folds are alike, without a random draw.
    """
    if isinstance(folds, int):
        if not 2 <= folds <= len(examples):
            raise AqaError(f"{folds} folds of {len(examples)} videos: expected 2 to the number")
        ranked = sorted(examples, key=lambda example: (example.score, example.id))
        fold_of = {example.id: str(rank % folds) for rank, example in enumerate(ranked)}
    else:
        fold_of = _read_folds(Path(folds))
        missing = [example.id for example in examples if example.id not in fold_of]
        if missing:
            raise AqaError(f"{folds} gives no fold for {listing(missing)}")
    names = sorted({fold_of[example.id] for example in examples})
    if len(names) < 2:
        raise AqaError(f"{folds}: all videos are in fold {', '.join(names)}, nothing is left")
    return {
        name: (
            [example for example in examples if fold_of[example.id] != name],
            [example for example in examples if fold_of[example.id] == name],
        )
        for name in names
    }


def _read_folds(path: Path) -> dict[str, str]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [(row["id"].strip(), row["fold"].strip()) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AqaError(f"{path} cannot be read as CSV: {error}") from error
    except (KeyError, AttributeError):
        raise AqaError(f"{path}: expected the columns id,fold") from None
    twice = [video_id for video_id, count in Counter(name for name, _ in rows).items() if count > 1]
    if twice:
        raise AqaError(f"{path} names videos twice: {listing(twice)}")
    # They name folders.
    odd = sorted({fold for _, fold in rows if not re.fullmatch(r"\w[\w.-]*", fold)})
    if odd:
        raise AqaError(f"{path}: fold {odd[0]!r} is no name of letters, digits, '-', '.' and '_'")
    return dict(rows)


def plan(
    config: ExperimentConfig,
    dataset: AqaDataset,
    output: str | Path,
    *,
    seeds: Sequence[int] = (0,),
    folds: int | str | Path | None = None,
    device: str = "cpu",
) -> list[Run]:
    """All runs. With folds only ``dataset.train`` is used; without, its own train and test."""
    if len(set(seeds)) != len(seeds) or not seeds:
        raise AqaError(f"seeds {list(seeds)}: expected different numbers")
    if folds is None and not dataset.test:
        splits = {WHOLE: (list(dataset.train), [])}
    elif folds is None:
        splits = {"test": (list(dataset.train), list(dataset.test))}
    else:
        splits = make_folds(dataset.train, folds)
    return [
        Run(
            fold=name,
            seed=seed,
            config=config,
            dataset=dataset.with_split(*split),
            folder=Path(output) / f"fold-{name}" / f"seed-{seed}",
            device=device,
        )
        for name, split in splits.items()
        for seed in seeds
    ]


def run(task: Run, on_epoch: OnEpoch | None = None) -> RunResult:
    """Train and evaluate on the held-out videos, or give back the same run's earlier result.

    One that was killed goes on where its last snapshot was taken.
    """
    finished = finished_result(task)
    if finished is not None:
        return finished
    for left_over in task.folder.glob(".*.tmp"):  # of a write that was killed
        left_over.unlink()
    model = train(
        task.config,
        task.dataset,
        seed=task.seed,
        device=task.device,
        on_epoch=on_epoch,
        log_dir=task.folder / "tensorboard",
        snapshot=task.folder / "training.pt",
    )
    save_checkpoint(model, task.folder / "model.pt")
    result = RunResult(
        fold=task.fold,
        seed=task.seed,
        checkpoint=task.folder / "model.pt",
        chosen_on=str(model.info.chosen_on),
        epochs=int(model.info.epochs or 0),
        evaluation=evaluate(model, task.dataset.test) if task.dataset.test else None,
        history=model.info.history,
    )
    content = {
        "fingerprint": task.fingerprint,
        "fold": result.fold,
        "seed": result.seed,
        "epochs": result.epochs,
        "chosen_on": result.chosen_on,
        "evaluation": result.evaluation.to_dict() if result.evaluation else None,
        "history": result.history,
    }
    write_json(task.folder / "result.json", content)  # it marks the run as finished
    (task.folder / "training.pt").unlink(missing_ok=True)
    return result


def on_score(results: Sequence[RunResult], score: str, dataset: AqaDataset) -> list[RunResult]:
    """The same trained models, evaluated on one of the scores that they learned together; their
    held-out videos are training videos of ``dataset``."""
    place = dataset.all_scores.index(score)
    by_id = {e.id: replace(e, score=e.all_scores[place]) for e in dataset.train}
    return [
        replace(
            result,
            evaluation=evaluate(
                load_checkpoint(result.checkpoint).for_score(score),
                [by_id[name] for name in result.evaluation.ids],
            ),
        )
        for result in results
    ]


def attach_calibration(
    checkpoint: Path, results: Sequence[RunResult], dataset: AqaDataset
) -> dict[str, Calibration]:
    """Write into a checkpoint what models of the same kind got wrong on the folds that they had
    not seen (``results`` of a cross-validation on ``dataset.train``), for each of its scores."""
    model = load_checkpoint(checkpoint)
    calibrations = {}
    for name in model.info.all_scores:
        of_score = results
        if name != model.info.score_name:
            of_score = on_score(results, name, dataset)
        folds = [(result.evaluation.predicted, result.evaluation.true) for result in of_score]
        calibrations[name] = calibrate(folds)
    content = {name: calibration.to_dict() for name, calibration in calibrations.items()}
    model.info = replace(model.info, calibration=content)
    save_checkpoint(model, checkpoint)
    return calibrations


def finished_result(task: Run) -> RunResult | None:
    """The result of an earlier run of exactly this task, None if it has to be done."""
    path, checkpoint = task.folder / "result.json", task.folder / "model.pt"
    try:
        content = read_json(path)
        if content["fingerprint"] != task.fingerprint:
            return None
        load_checkpoint(checkpoint)
        stored = content["evaluation"]
        return RunResult(
            fold=task.fold,
            seed=task.seed,
            checkpoint=checkpoint,
            chosen_on=content["chosen_on"],
            epochs=content["epochs"],
            evaluation=stored and Evaluation.of(stored["ids"], stored["predicted"], stored["true"]),
            history=tuple(content["history"]),
        )
    except (AqaError, KeyError, TypeError):
        return None


def figures(evaluation: Evaluation) -> dict[str, float]:
    return {name: getattr(evaluation, name) for name in METRICS}


def per_video(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    rows = zip(evaluation.ids, evaluation.predicted, evaluation.true, strict=True)
    return (dict(zip(("id", "predicted", "true"), row, strict=True)) for row in rows)


def _row(result: RunResult) -> dict[str, Any]:
    return {
        "fold": result.fold,
        "seed": result.seed,
        "videos": len(result.evaluation.ids),
        **figures(result.evaluation),
        "epochs": result.epochs,
        "chosen_on": result.chosen_on,
    }


@dataclass(frozen=True)
class Table:
    """One row a run, and per metric the mean, its spread over folds and over seeds."""

    rows: tuple[dict[str, Any], ...]
    mean: dict[str, float]
    std_over_folds: dict[str, float]  # of the means over seeds; nan for one fold
    std_over_seeds: dict[str, float]  # of the means over folds; nan for one seed
    spearman_interval: tuple[float, float]  # 95 %, bootstrap over the videos of each fold
    chosen_on: str
    predictions: tuple[dict[str, Any], ...]  # out of fold, one a video and run

    def save(self, folder: str | Path) -> None:
        content = {
            "runs": list(self.rows),
            "mean": self.mean,
            "std_over_folds": self.std_over_folds,
            "std_over_seeds": self.std_over_seeds,
            "spearman_interval": list(self.spearman_interval),
            "chosen_on": self.chosen_on,
        }
        save_results(Path(folder), content, self.rows, self.predictions)


def save_results(
    folder: Path,
    content: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    predictions: Sequence[dict[str, Any]],
) -> None:
    """results.json (all but predictions), results.csv (the rows) and predictions.csv."""
    write_json(folder / "results.json", content)
    _write_csv(folder / "results.csv", rows)
    _write_csv(folder / "predictions.csv", predictions)


def summarise(results: Sequence[RunResult]) -> Table:
    if not results:
        raise AqaError("no finished runs to summarise")
    rows = tuple(_row(result) for result in results)
    return Table(
        rows=rows,
        mean={name: float(np.mean([row[name] for row in rows])) for name in METRICS},
        std_over_folds={name: _spread(rows, "fold", name) for name in METRICS},
        std_over_seeds={name: _spread(rows, "seed", name) for name in METRICS},
        spearman_interval=_interval(results),
        chosen_on=", ".join(sorted({row["chosen_on"] for row in rows})),
        predictions=tuple(
            {"fold": r.fold, "seed": r.seed, **entry, "chosen_on": r.chosen_on}
            for r in results
            for entry in per_video(r.evaluation)
        ),
    )


def _interval(results: Sequence[RunResult]) -> tuple[float, float]:
    folds: dict[str, list[Evaluation]] = {}
    for result in results:
        folds.setdefault(result.fold, []).append(result.evaluation)
    return bootstrap_interval([([e.predicted for e in f], f[0].true) for f in folds.values()])


def _spread(rows: Sequence[dict[str, Any]], over: str, name: str) -> float:
    """Sample standard deviation over the values of ``over``, of the means within each."""
    groups = sorted({row[over] for row in rows})
    means = [np.mean([row[name] for row in rows if row[over] == group]) for group in groups]
    return float(np.std(means, ddof=1)) if len(means) > 1 else float("nan")


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))
