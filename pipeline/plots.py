"""Plots of one scored routine, and of predicted against true scores.

Blue and orange are told apart by the colour-blind too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from pipeline.console import clock
from pipeline.score import Result

# A part shorter than this has marks closer than a second.
SHORT_S = 20.0
GAIN, LOSS, INK, GRID = "#0072B2", "#D55E00", "#2b2b33", "#d9dce3"


def routine_figure(result: Result) -> Figure:
    """Two panels over time: clip scores and the routine's score; points won and lost."""
    edges, unit = _edges(result)
    widths = np.diff(edges)
    scores = np.array([clip.score for clip in result.clips])
    gains = result.gains
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    weights = np.array([clip.weight for clip in result.clips])
    top.hlines(
        scores,
        edges[:-1],
        edges[1:],
        colors=[to_rgba(INK, 0.25 + 0.75 * share) for share in weights / weights.max()],
        linewidth=5,
    )
    top.axhline(result.score, color=GAIN, linewidth=1.6)
    top.set_title(f"score {result.score:.2f}", loc="right", fontsize=10, color=GAIN, weight="bold")
    low, high = min(scores.min(), result.score), max(scores.max(), result.score)
    margin = 0.15 * (high - low) or 1.0
    top.set_ylim(low - margin, high + margin)
    top.set_ylabel(
        "clip score" if result.score_name == "score" else f"clip score ({result.score_name})"
    )
    top.set_title(f"{Path(result.video).name}: darker clips weigh more", loc="left", fontsize=10)
    colours = [GAIN if gain >= 0 else LOSS for gain in gains]
    bottom.bar(
        edges[:-1], gains, widths, align="edge", color=colours, edgecolor="white", linewidth=0.4
    )
    bottom.axhline(0, color=INK, linewidth=0.8)
    bottom.set_ylabel("points won (blue)\nand lost (orange)")
    bottom.set_xlabel(unit)
    if unit == "time":
        tenths = edges[-1] - edges[0] < SHORT_S
        bottom.xaxis.set_major_formatter(lambda second, _: clock(second, tenths=tenths))
    for axes in (top, bottom):
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    bottom.set_xlim(edges[0], edges[-1])
    return figure


def agreement_figure(predicted: Sequence[float], true: Sequence[float], title: str) -> Figure:
    """Predicted against true score, with the line of perfect agreement."""
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.subplots()
    values = [*predicted, *true]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 1.0
    span = (low - margin, high + margin)
    axes.plot(span, span, color=GRID, linewidth=1.2, zorder=1)
    axes.scatter(true, predicted, s=18, color=GAIN, alpha=0.75, linewidths=0, zorder=2)
    axes.set(xlim=span, ylim=span, xlabel="true score", ylabel="predicted score")
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def save_png(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=130, metadata={"Software": None})


def to_svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element for a page; the same figure gives the same text."""
    with matplotlib.rc_context({"svg.hashsalt": "aqa", "svg.fonttype": "none"}):
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _edges(result: Result) -> tuple[np.ndarray, str]:
    """Clip edges on the time axis in seconds, or clip numbers where there are no times."""
    if result.clips[0].start_s is None:
        return np.arange(len(result.clips) + 1, dtype=float), "clip"
    return np.array([clip.start_s for clip in result.clips] + [result.clips[-1].end_s]), "time"
