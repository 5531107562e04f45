"""``aqa-pipeline train``: features to a scorer, or to a table over folds and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aqa import AqaDataset, ExperimentConfig
from aqa.experiments import Run, attach_calibration, plan, summarise
from aqa.models import FEWEST
from pipeline.cluster import RayOptions
from pipeline.errors import UsageError
from pipeline.reports import save_plots, show_calibrations, show_table
from pipeline.training.over_ray import run_all
from pipeline.workspace import Console, counted


@dataclass(frozen=True)
class Request:
    """Which trainings of an experiment, into which folder, and where they run."""

    output: Path
    seeds: Sequence[int]
    folds: int | str | None  # a number, or the path of a CSV
    only_fold: str | None
    calibration_folds: int  # 0: no calibration
    device: str
    ray: RayOptions | None  # None: all in this process


def run_training(
    dataset: AqaDataset, config: ExperimentConfig, request: Request, console: Console
) -> Path | None:
    """Trains everything that was asked for; returns the checkpoint to score with.

    With folds there is none: their models have not seen all the training data.
    """
    wanted = _runs(dataset, config, request)
    calibrating = _calibration_runs(dataset, config, request, console)
    every = run_all([*wanted, *calibrating], request.ray, console)
    results, held_out = every[: len(wanted)], every[len(wanted) :]
    if held_out:
        for result in results:
            calibrations = attach_calibration(result.checkpoint, held_out, dataset)
        show_calibrations(calibrations, console)
    table = summarise(results) if results[0].evaluation else None
    save_plots(results, table, config, request.output)
    if table is not None:
        table.save(request.output)
        show_table(table, config, console)
    return results[0].checkpoint if request.folds is None else None


def _runs(dataset: AqaDataset, config: ExperimentConfig, request: Request) -> list[Run]:
    if request.only_fold is not None and request.folds is None:
        raise UsageError(f"--only-fold {request.only_fold}: of which folds? give --folds")
    runs = plan(
        config,
        dataset,
        request.output,
        seeds=request.seeds,
        folds=request.folds,
        device=request.device,
    )
    if request.only_fold is None:
        return runs
    names = sorted({task.fold for task in runs})
    if request.only_fold not in names:
        raise UsageError(f"--only-fold {request.only_fold}: the folds are {', '.join(names)}")
    return [task for task in runs if task.fold == request.only_fold]


def _calibration_runs(
    dataset: AqaDataset, config: ExperimentConfig, request: Request, console: Console
) -> list[Run]:
    """A cross-validation on the training videos, whose errors say how sure the model is.

    None for a table over folds, which trains no scorer, and for the paper recipe, whose errors on
    a fold that it chose its epoch on say nothing.
    """
    folds = request.calibration_folds
    if request.folds is not None or not folds or config.training.recipe == "paper":
        return []
    if len(dataset.train) < FEWEST:
        console.note(
            f"{counted(len(dataset.train), 'training video')}: too few for a calibration, "
            f"which takes {FEWEST}: scores will have no interval"
        )
        return []
    return plan(
        config,
        dataset,
        request.output / "calibration",
        seeds=request.seeds[:1],
        folds=folds,
        device=request.device,
    )
