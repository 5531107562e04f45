"""What a training gave, on the terminal and as plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aqa import ExperimentConfig
from aqa.experiments import RunResult, Table
from aqa.models import Calibration
from pipeline.reports.agreement import FIGURES, figure_cells, show_spearman
from pipeline.reports.plots import agreement_figure, learning_figure, save_png
from pipeline.workspace import Console, counted


def show_calibrations(calibrations: Mapping[str, Calibration], console: Console) -> None:
    for name, calibration in calibrations.items():
        console.result(
            f"{name}: {100 * calibration.level:.0f} % intervals of +- {calibration.half_width:.2f} "
            f"points, {calibration.folds}-fold cross-validation of "
            f"{counted(calibration.videos, 'training video')} "
            f"(coverage on left-out folds: {100 * calibration.coverage:.0f} %)"
        )


def save_plots(
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
    """Each run, then mean, deviations, interval; how the epoch was chosen is part of the title."""
    rows = [
        (str(row["fold"]), str(row["seed"]), str(row["videos"]), *figure_cells(row))
        for row in table.rows
    ]
    if len(rows) > 1:
        rows.append(("mean", "", "", *figure_cells(table.mean)))
        of = {"folds": table.std_over_folds, "seeds": table.std_over_seeds}
        for over, deviation in of.items():
            if math.isfinite(deviation["mean_absolute_error"]):  # nan where there is only one
                rows.append((f"std over {over}", "", "", *figure_cells(deviation)))
    epochs = counted(config.training.epochs, "epoch")
    title = f"{config.name}, {epochs}, epoch kept: {table.chosen_on}"
    console.table(title, ["held out", "seed", "videos", *FIGURES], rows)
    fewest = min(row["videos"] for row in table.rows)
    sure = (table.mean["spearman"], table.spearman_interval)
    show_spearman(*sure, table.chosen_on, fewest, console)
