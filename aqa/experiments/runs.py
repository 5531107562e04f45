"""Folds x seeds: every combination is one run, every finished run is kept.

``plan`` gives the runs, ``run`` does one of them: a pure function of its argument, for whoever
divides them among machines. The table of them all is in :mod:`aqa.experiments.table`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aqa.checkpoints import load_checkpoint, save_checkpoint
from aqa.config import ExperimentConfig
from aqa.data import AqaDataset, require_readable
from aqa.errors import AqaError
from aqa.experiments.agreeing import certainty_of
from aqa.experiments.evaluation import Evaluation, evaluate
from aqa.experiments.folds import make_folds
from aqa.models import Calibration, calibrate
from aqa.storage import read_json, write_json
from aqa.training import OnEpoch, fingerprint, train

WHOLE = "none"  # the fold of a training on everything, with nothing held out


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
        """Of the data as they are at this moment."""
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
    # Taken here and once: what changes while it trains is not what it was trained on.
    trained_on = task.fingerprint
    finished = _stored_result(task, trained_on)
    if finished is not None:
        return finished
    for left_over in task.folder.glob(".*.tmp"):  # of a write that was killed
        left_over.unlink()
    require_readable([*task.dataset.train, *task.dataset.test])  # before hours of training
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
        "fingerprint": trained_on,
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
    not seen (``results`` of a cross-validation on ``dataset.train``), for each of its scores, and
    how far they agree about what each clip contributes."""
    model = load_checkpoint(checkpoint)
    calibrations, certainties = {}, {}
    for name in model.info.all_scores:
        of_score = results
        if name != model.info.score_name:
            of_score = on_score(results, name, dataset)
        folds = [(result.evaluation.predicted, result.evaluation.true) for result in of_score]
        calibrations[name] = calibrate(folds)
        if found := certainty_of(of_score, name, dataset):
            certainties[name] = found.to_dict()
    content = {name: calibration.to_dict() for name, calibration in calibrations.items()}
    model.info = replace(model.info, calibration=content, certainty=certainties or None)
    save_checkpoint(model, checkpoint)
    return calibrations


def finished_result(task: Run) -> RunResult | None:
    """The result of an earlier run of exactly this task, None if it has to be done."""
    return _stored_result(task, task.fingerprint)


def _stored_result(task: Run, wanted: str) -> RunResult | None:
    path, checkpoint = task.folder / "result.json", task.folder / "model.pt"
    try:
        content = read_json(path)
        if content["fingerprint"] != wanted:
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
