"""How well checkpoints agree with labels: the table, the one line to take away, the files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqa.experiments import per_video, save_results
from pipeline.reports.plots import agreement_figure, save_png
from pipeline.reports.terminal import print_document
from pipeline.scoring import ENSEMBLE, Agreement
from pipeline.workspace import Console, counted

FEW_VIDEOS = 10
FIGURES = ("Spearman", "R-l2 x100", "Kendall", "MAE (pts)")


def print_agreement(agreement: Agreement, as_json: bool, console: Console) -> None:
    """Each checkpoint's figures and their ensemble's; as JSON with every video's scores too."""
    whole = agreement.ensemble
    if as_json:
        document = agreement.to_dict() | {
            "ids": whole.ids,
            "predicted": whole.predicted,
            "true": whole.true,
        }
        for entry, member in zip(document["members"], agreement.members, strict=True):
            entry["predicted"] = member.evaluation.predicted
        print_document(document)
        return
    bounds = ("spearman_low", "spearman_high")
    names = [*short_names([member.checkpoint for member in agreement.members]), ENSEMBLE]
    rows = [
        (name, *figure_cells(row), interval_cell(*(row[bound] for bound in bounds)))
        for name, row in zip(names, agreement.rows, strict=False)  # of one there is no ensemble
    ]
    if len(agreement.members) > 1:
        over = agreement.over_members().items()
        rows[-1:-1] = [(name, *figure_cells(values), "") for name, values in over]
    title = (
        f"{agreement.name}, {agreement.score}: {counted(len(whole.ids), 'video')}, "
        f"epoch kept: {agreement.chosen_on}"
    )
    console.table(title, ["checkpoint", *FIGURES, "95 % bootstrap"], rows)
    sure = (whole.spearman, whole.spearman_interval)
    show_spearman(*sure, agreement.chosen_on, len(whole.ids), console)


def short_names(paths: Sequence[str]) -> list[str]:
    """Checkpoints without the folder and the file name that all of them share, for a narrow column.

    ``r/fold-0/model.pt``, ``r/fold-1/model.pt`` -> ``fold-0``, ``fold-1``.
    """
    if len(paths) < 2:
        return list(paths)
    files = [Path(path).absolute() for path in paths]
    if len({file.name for file in files}) == 1:
        files = [file.parent for file in files]
    shared = os.path.commonpath([file.parent for file in files])
    return [str(file.relative_to(shared)) for file in files]


def figure_cells(values: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """One cell for each of FIGURES."""
    return (
        f"{values['spearman']:.3f}",
        f"{100 * values['relative_l2']:.2f}",
        f"{values['kendall']:.3f}",
        f"{values['mean_absolute_error']:.2f}",
    )


def interval_cell(low: float, high: float) -> str:
    return f"{low:.3f} to {high:.3f}" if math.isfinite(low) else ""


def show_spearman(
    spearman: float, interval: tuple[float, float], chosen_on: str, fewest: int, console: Console
) -> None:
    """The one line to take away, and a warning where ``fewest`` videos can tell nothing."""
    sure = interval_cell(*interval)
    sure = f" (95 % bootstrap over videos: {sure})" if sure else ""
    console.result(f"Spearman {spearman:.3f}{sure}, epoch kept: {chosen_on}")
    if fewest < FEW_VIDEOS:
        few = f"{counted(fewest, 'video')} {'is' if fewest == 1 else 'are'} too few"
        console.warn(f"{few} to tell anything from a correlation")


def save_agreement(agreement: Agreement, folder: Path) -> None:
    """results.json, results.csv, predictions.csv and predicted-against-true.png."""
    evaluations = [member.evaluation for member in agreement.members]
    if len(evaluations) > 1:
        evaluations.append(agreement.ensemble)
    predictions = [
        {"checkpoint": row["checkpoint"], **entry, "chosen_on": row["chosen_on"]}
        for row, evaluation in zip(agreement.rows, evaluations, strict=True)
        for entry in per_video(evaluation)
    ]
    save_results(folder, agreement.to_dict(), agreement.rows, predictions)
    whole = agreement.ensemble
    figure = agreement_figure(whole.predicted, whole.true, plot_title(agreement))
    save_png(figure, folder / "predicted-against-true.png")


def plot_title(agreement: Agreement) -> str:
    """What is shown, how good it is, and how the epoch was chosen."""
    whole, members = agreement.ensemble, len(agreement.members)
    low, high = whole.spearman_interval
    several = f", mean of {members} checkpoints" if members > 1 else ""
    return (
        f"{agreement.name}, {agreement.score}: {counted(len(whole.ids), 'video')}{several}\n"
        f"Spearman {whole.spearman:.3f} (95 % bootstrap {low:.3f} to {high:.3f})\n"
        f"epoch kept: {agreement.chosen_on}"
    )
