"""Whether contributions are true: the table, the file, the plot."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from aqa.faithfulness import FEWEST_PAIRS, Faithfulness
from aqa.storage import strict, write_json
from pipeline.reports.plots import GAIN, GRID, INK, LOSS, bare, save_png
from pipeline.reports.terminal import print_document
from pipeline.scoring import Truth
from pipeline.workspace import Console

HEADINGS = ("", "what", "found", "chance")


def print_truth(truth: Truth, as_json: bool, console: Console) -> None:
    if as_json:
        print_document(truth.to_dict())
        return
    for name, found in truth.members:
        rows = list(_rows(found, truth.chance))
        title = f"{name}: {truth.score}, {found.videos} videos of {truth.name}"
        console.table(title, HEADINGS, rows)
    if truth.agreement is not None:
        console.result(f"contributions of two checkpoints: rank correlation {truth.agreement:.3f}")


def _rows(found: Faithfulness, chance: Faithfulness) -> list[tuple[str, str, str, str]]:
    """What routines are too short for is left out."""
    own, other = found.to_dict(), chance.to_dict()
    rows = []
    for kind in ("replaced", "removed"):
        for length, figures in own[kind].items():
            if figures["blocks"]:
                values = f"{figures['correlation']:.2f}, {figures['slope']:.2f}"
                by_chance = f"{other[kind][length]['correlation']:+.2f}"
                rows.append((f"{length} clips {kind}", "correlation, slope", values, by_chance))
    for planted in own["planted"]:
        if planted["pairs"] >= FEWEST_PAIRS:
            name = f"{planted['length']} clips planted"
            values = f"{planted['hit']:.0%}, {planted['found_inside']:.2f}"
            rows.append((name, "hit, found inside", values, f"{planted['chance']:.0%}"))
            values = f"{planted['outside']:.2f}, {planted['rank']:.2f}"
            rows.append(("", "outside moves, place alone", values, "0.50"))
    for way in ("deletion", "insertion"):
        areas = [document["curves"][f"area_{way}"] for document in (own, other)]
        rows.append((way, "area to random, points", f"{areas[0]:.2f}", f"{areas[1]:+.2f}"))
    for name, value in (
        ("without the last 5 clips", own["stability"]["without_last"]),
        ("rounded to float16", own["stability"]["rounded"]),
    ):
        if math.isfinite(value):
            rows.append((name, "rank correlation", f"{value:.3f}", ""))
    rows.append(("added to come out", "median share", f"{found.remainder:.1%}", ""))
    return rows


def save_truth(truth: Truth, folder: Path) -> None:
    """faithfulness.json, and a plot of the first checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "faithfulness.json", strict(truth.to_dict()))
    save_png(truth_figure(truth), folder / "faithfulness.png")


def truth_figure(truth: Truth) -> Figure:
    """Predicted against actual changes of replaced blocks of ten; the deletion curves."""
    found = truth.members[0][1]
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    length = 10 if len(found.blocks.replaced[10]) else min(found.blocks.replaced)
    predicted, actual = found.blocks.replaced[length].T
    span = [min(predicted.min(), actual.min()), max(predicted.max(), actual.max())]
    left.plot(span, span, color=GRID, linewidth=1.2, zorder=1)
    left.scatter(actual, predicted, s=10, color=GAIN, alpha=0.5, linewidths=0)
    correlation = found.to_dict()["replaced"][str(length)]["correlation"]
    left.set_title(f"{length} clips replaced by the average routine's: {correlation:.2f}",
                   loc="left", fontsize=10)  # fmt: skip
    left.set(xlabel="change of the score", ylabel="change that contributions said")
    styles = {"by contribution": (GAIN, "-"), "by weight": (LOSS, "--"), "at random": (INK, ":")}
    for name, (colour, line) in styles.items():
        if (curve := found.curves.get(f"deletion {name}")) is not None:
            right.plot(np.linspace(0, 100, len(curve)), curve, line, color=colour, label=name)
    right.set(xlabel="% of the clips replaced, the best first", ylabel="change of the score")
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        bare(axes)
    return figure
