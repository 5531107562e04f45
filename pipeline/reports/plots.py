"""Plots of one scored routine, of predicted against true scores, and of the training.

Blue and orange are told apart by the colour-blind too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.scoring import ClipAssessment, Contribution, Result
from pipeline.workspace import clock, shown

# A part shorter than this has marks closer than a second.
SHORT_S = 20.0
GAIN, LOSS, INK, GRID = "#0072B2", "#D55E00", "#2b2b33", "#d9dce3"
PALETTE = (GAIN, LOSS, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
LEGEND = {"frameon": False, "fontsize": 8, "title_fontsize": 8}
# In a history: the figure by which a recipe chooses its epoch on the evaluation split.
CHOICE = "spearman"


def routine_figure(result: Result) -> Figure:
    """Two panels over time: how the score comes about, and what each clip adds or takes.

    Of a checkpoint that knows no average routine the first has the clip scores.
    """
    starts, ends, unit = _spans(result.parts)
    gains = result.gains
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    if result.explained:
        _running_sum(top, result, starts, ends)
    else:
        _clip_scores(top, result)
    top.axhline(result.score, color=GAIN, linewidth=1.6)
    top.set_title(f"score {result.score:.2f}", loc="right", fontsize=10, color=GAIN, weight="bold")
    margins = result.margins
    colours = [
        to_rgba(GAIN if margin >= 0 else LOSS, 0.35 if clear is False else 1.0)
        for margin, clear in zip(margins, result.stands_out, strict=True)
    ]
    bottom.bar(
        starts,
        gains,
        ends - starts,
        align="edge",
        color=colours,
        edgecolor="white",
        linewidth=0.4,
    )
    if result.parts[0].low is not None:
        lows, highs = (np.array([getattr(p, end) for p in result.parts]) for end in ("low", "high"))
        bottom.vlines((starts + ends) / 2, lows, highs, color=INK, linewidth=0.5, alpha=0.5)
    bottom.axhline(0, color=INK, linewidth=0.8)
    if not np.array_equal(margins, gains):
        bottom.stairs(gains - margins, np.append(starts, ends[-1]), color=INK, linewidth=1.2)
        bottom.set_ylabel("points; above (blue) or\nbelow (orange) typical")
    else:
        bottom.set_ylabel("points won (blue)\nand lost (orange)")
    bottom.set_xlabel(unit)
    if unit == "time":
        tenths = ends[-1] - starts[0] < SHORT_S
        bottom.xaxis.set_major_formatter(lambda second, _: clock(second, tenths=tenths))
    for axes in (top, bottom):
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        bare(axes)
    bottom.set_xlim(starts[0], ends[-1])
    return figure


def _running_sum(axes: Axes, result: Result, starts: np.ndarray, ends: np.ndarray) -> None:
    """From the average routine's score to this one's."""
    sums = result.explained.baseline + np.concatenate([[0.0], np.cumsum(result.gains)])
    axes.plot(np.append(starts, ends[-1]), sums, color=INK, linewidth=1.8)
    axes.axhline(sums[0], color=INK, linewidth=0.8, linestyle=":")
    axes.set_ylabel("so far" if result.score_name == "score" else f"{result.score_name} so far")
    axes.set_title(
        f"{shown(Path(result.video).name)}: from the average routine ({sums[0]:.2f}) to its score; "
        "pale: within noise",
        loc="left",
        fontsize=10,
    )


def _clip_scores(axes: Axes, result: Result) -> None:
    starts, ends, _ = _spans(result.clips)
    scores = np.array([clip.score for clip in result.clips])
    weights = np.array([clip.weight for clip in result.clips])
    axes.hlines(
        scores,
        starts,
        ends,
        colors=[to_rgba(INK, 0.25 + 0.75 * share) for share in weights / weights.max()],
        linewidth=5,
    )
    low, high = min(scores.min(), result.score), max(scores.max(), result.score)
    margin = 0.15 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(
        "clip score" if result.score_name == "score" else f"clip score ({result.score_name})"
    )
    axes.set_title(
        f"{shown(Path(result.video).name)}: darker clips weigh more", loc="left", fontsize=10
    )


def agreement_figure(
    predicted: Sequence[float],
    true: Sequence[float],
    title: str,
    *,
    groups: Sequence[str] | None = None,
) -> Figure:
    """Predicted against true score, with the line of perfect agreement; a colour per group."""
    # A square below the lines of the title.
    figure = Figure(figsize=(4.6, 4.2 + 0.2 * len(title.splitlines())), layout="constrained")
    axes = figure.subplots()
    values = [*predicted, *true]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 1.0
    span = (low - margin, high + margin)
    axes.plot(span, span, color=GRID, linewidth=1.2, zorder=1)
    names = list(dict.fromkeys(groups or []))
    coloured = 1 < len(names) <= len(PALETTE)
    colour_of = dict(zip(names, PALETTE, strict=False)) if coloured else {}
    colours = [colour_of[group] for group in groups] if coloured else GAIN
    axes.scatter(true, predicted, s=20, c=colours, alpha=0.75, linewidths=0, zorder=2)
    if coloured:
        handles = [
            axes.scatter([], [], s=20, color=colour, linewidths=0, label=name)
            for name, colour in colour_of.items()
        ]
        axes.legend(handles=handles, title="held out", loc="best", **LEGEND)
    axes.set(xlim=span, ylim=span, xlabel="true score", ylabel="predicted score")
    axes.set_title(title, loc="left", fontsize=10)
    bare(axes)
    return figure


def learning_figure(histories: Sequence[Sequence[Mapping[str, float]]], title: str) -> Figure:
    """Training loss over the epochs of each run, and their mean.

    A second panel where a recipe looks at the evaluation split: it chooses its epoch there.
    """
    chosen = all(CHOICE in history[-1] for history in histories)
    figure = Figure(figsize=(9 if chosen else 5.4, 3.8), layout="constrained")
    panels = figure.subplots(1, 2 if chosen else 1, squeeze=False)[0]
    _curves(panels[0], histories, "total")
    panels[0].set_ylabel("training loss")
    panels[0].set_title(title, loc="left", fontsize=10)
    if len(histories) > 1:
        panels[0].legend(**LEGEND)
    if chosen:
        _curves(panels[1], histories, CHOICE)
        panels[1].set_ylabel("Spearman")
        panels[1].set_title(
            "chosen on the evaluation split", loc="left", fontsize=10, color=LOSS, weight="bold"
        )
    return figure


def _curves(axes: Axes, histories: Sequence[Sequence[Mapping[str, float]]], name: str) -> None:
    epochs = range(1, min(map(len, histories)) + 1)
    curves = np.array([[history[epoch - 1][name] for epoch in epochs] for history in histories])
    several = len(curves) > 1
    for number, curve in enumerate(curves):
        axes.plot(
            epochs,
            curve,
            color=GAIN,
            alpha=0.35 if several else 1.0,
            linewidth=0.8 if several else 1.6,
            label="each training" if several and number == 0 else None,
        )
    if several:
        axes.plot(epochs, curves.mean(axis=0), color=INK, linewidth=2.2, label="mean")
    axes.set_xlabel("epoch")
    axes.set_xlim(1, len(epochs))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    bare(axes)


def bare(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save_routines(results: Sequence[Result], path: Path) -> list[Path]:
    """The plot of one at ``path``; of several each at its own: ``plot-1.png``, ``plot-2.png``."""
    several = len(results) > 1
    written = []
    for number, result in enumerate(results, 1):
        name = f"{path.stem}-{number}{path.suffix}" if several else path.name
        metadata = {".png": {"Software": None}, ".svg": {"Date": None}}.get(path.suffix.lower())
        routine_figure(result).savefig(path.with_name(name), dpi=130, metadata=metadata)
        written.append(path.with_name(name))
    return written


def save_png(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=130, metadata={"Software": None})


def _spans(
    clips: Sequence[ClipAssessment | Contribution],
) -> tuple[np.ndarray, np.ndarray, str]:
    """Start and end of each clip in seconds, or clip numbers where there are no times. A lost clip
    leaves its place empty."""
    if clips[0].start_s is None:
        numbers = np.arange(len(clips), dtype=float)
        return numbers, numbers + 1, "clip"
    starts, ends = (
        np.array([getattr(clip, end) for clip in clips]) for end in ("start_s", "end_s")
    )
    # A picture that stands for longer than a frame overlaps the next clip: there each ends.
    follows = np.append(starts[1:], np.inf)
    return starts, np.minimum(ends, follows), "time"
