"""``aqa-pipeline train``: features to a scorer, or to a table over folds and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aqa import AqaDataset, ExperimentConfig, load_config
from aqa.experiments.runs import Run, RunResult, Table, attach_calibration, plan, summarise
from aqa.models.calibration import FEWEST, Calibration
from aqa.storage.places import Place, as_place
from pipeline.cluster.session import RayOptions
from pipeline.errors import UsageError
from pipeline.reports.agreement import FIGURES, figure_cells, show_spearman
from pipeline.reports.plots import agreement_figure, learning_figure, save_png
from pipeline.training.over_ray import run_all
from pipeline.workspace.console import Console, counted
from pipeline.workspace.run_folder import LastExtraction

# The config that a bare `train` takes after `extract --dataset ...`, and its siblings.
DATASET_CONFIGS = {
    "logo": ("logo",),
    "fisv": ("fisv-tes", "fisv-pcs"),
    "rg": ("rg-ball", "rg-clubs", "rg-hoop", "rg-ribbon"),
}


@dataclass(frozen=True)
class Sources:
    """The experiment, and where its labels and features lie (None: where its layout has them)."""

    config: ExperimentConfig
    data_root: Path | None
    features: Place | None
    labels: Path | None


def choose_sources(
    *,
    config: str | None,
    overrides: Sequence[str],
    data_root: Path | None,
    features: Place | None,
    labels: Path | None,
    last: LastExtraction | None,
    console: Console,
) -> Sources:
    """The experiment to run: as the options say, else the data set that was extracted last.

    Says in one line what it picked. Raises UsageError where neither says what to train on.
    """
    if config is None and labels is not None:
        chosen = load_config("own", overrides)
    elif config is None:
        if last is None:
            raise UsageError(
                "nothing extracted yet: run `aqa-pipeline extract --dataset ...` first, "
                "or give --config NAME with --data-root DIR, or --labels FILE with --features DIR"
            )
        if last.dataset is None:
            raise UsageError(
                f"the last extraction was your own footage ({last.features}): "
                "give its scores with --labels FILE (columns id,score[,split])"
            )
        name, *siblings = DATASET_CONFIGS[last.dataset]
        others = f"; others: --config {', '.join(siblings)}" if siblings else ""
        console.note(
            f"config: {name}, for {last.dataset}, extracted last ({last.finished}){others}"
        )
        chosen = load_config(name, overrides)
    else:
        chosen = load_config(config, overrides)
    if last is not None and features is None and data_root is None:
        same = last.dataset == chosen.dataset.kind
        if same or (last.dataset is None and chosen.dataset.kind == "csv"):
            features = as_place(last.features)
            data_root = Path(last.data_root) if last.data_root else None
            console.note(f"features: {features}, extracted last ({last.finished})")
    return Sources(chosen, data_root, features, labels)


@dataclass(frozen=True)
class Request:
    """Which trainings of an experiment, into which folder, and where they run."""

    output: Path
    seeds: Sequence[int]
    folds: int | str | None  # a number, or the path of a CSV
    only_fold: str | None
    calibration_folds: int  # 0: no calibration
    device: str
    ray: RayOptions


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
    _save_plots(results, table, config, request.output)
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
            f"{counted(len(dataset.train), 'training video')}: too few for a calibration "
            f"({FEWEST}), scores will have no interval"
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


def show_calibrations(calibrations: Mapping[str, Calibration], console: Console) -> None:
    for name, calibration in calibrations.items():
        console.result(
            f"{name}: {100 * calibration.level:.0f} % intervals of +- {calibration.half_width:.2f} "
            f"points, {calibration.folds}-fold cross-validation of "
            f"{counted(calibration.videos, 'training video')} "
            f"(coverage on folds left out {100 * calibration.coverage:.0f} %)"
        )


def _save_plots(
    results: Sequence[RunResult], table: Table | None, config: ExperimentConfig, folder: Path
) -> None:
    histories = [result.history for result in results]
    if max(map(len, histories)) > 1:
        title = f"{config.name}, {counted(len(results), 'training')}"
        save_png(learning_figure(histories, title), folder / "learning-curves.png")
    if table is not None:
        videos = held_out_videos(table)
        title = plot_title(table, len(videos.true), config)
        figure = agreement_figure(videos.predicted, videos.true, title, groups=videos.folds)
        save_png(figure, folder / "predicted-against-true.png")


@dataclass(frozen=True)
class HeldOut:
    """All held-out videos, each with its mean prediction over the seeds, in score units."""

    folds: tuple[str, ...]
    predicted: tuple[float, ...]
    true: tuple[float, ...]


def held_out_videos(table: Table) -> HeldOut:
    by_video: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in table.predictions:
        by_video.setdefault((row["fold"], row["id"]), []).append(row)
    return HeldOut(
        folds=tuple(fold for fold, _ in by_video),
        predicted=tuple(
            float(np.mean([row["predicted"] for row in rows])) for rows in by_video.values()
        ),
        true=tuple(rows[0]["true"] for rows in by_video.values()),
    )


def plot_title(table: Table, videos: int, config: ExperimentConfig) -> str:
    """What is shown, how good it is, and how the epoch was chosen."""
    numbers = {name: len({row[name] for row in table.rows}) for name in ("fold", "seed")}
    over = " and ".join(counted(count, name) for name, count in numbers.items() if count > 1)
    mean = f" (mean over {over})" if over else ""
    return (
        f"{config.name}: {counted(videos, 'held-out video')}\n"
        f"Spearman {table.mean['spearman']:.3f}{mean}\n"
        f"epoch kept: {table.chosen_on}"
    )


def show_table(table: Table, config: ExperimentConfig, console: Console) -> None:
    """Each run, then mean, spread and interval; how the epoch was chosen is part of the title."""
    rows = [
        (str(row["fold"]), str(row["seed"]), str(row["videos"]), *figure_cells(row))
        for row in table.rows
    ]
    if len(rows) > 1:
        rows.append(("mean", "", "", *figure_cells(table.mean)))
        for over, spread in (("folds", table.std_over_folds), ("seeds", table.std_over_seeds)):
            if math.isfinite(spread["mean_absolute_error"]):  # nan where there is only one
                rows.append((f"std over {over}", "", "", *figure_cells(spread)))
    epochs = counted(config.training.epochs, "epoch")
    title = f"{config.name}, {epochs}, epoch kept: {table.chosen_on}"
    console.table(title, ["held out", "seed", "videos", *FIGURES], rows)
    fewest = min(row["videos"] for row in table.rows)
    sure = (table.mean["spearman"], table.spearman_interval)
    show_spearman(*sure, table.chosen_on, fewest, console)
