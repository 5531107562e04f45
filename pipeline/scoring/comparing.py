"""Two scored routines on one timeline: where the difference of their scores comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aqa.errors import AqaError
from pipeline.scoring.result import MOMENTS, Contribution, Result

Align = Literal["time", "phase"]
Unit = Literal["second", "share", "clip"]


@dataclass(frozen=True)
class Stretch:
    """A stretch of the timeline: what each routine has there, in points, and the difference.

    ``low`` to ``high`` holds the difference nine times of ten, if the two err apart from each
    other; ``sure`` where that leaves out 0. None where the checkpoint cannot say.
    """

    start: float
    end: float
    first: float
    second: float
    difference: float
    low: float | None = None
    high: float | None = None
    sure: bool | None = None


@dataclass(frozen=True)
class PhaseDifference:
    name: str
    first: float
    second: float
    difference: float


@dataclass(frozen=True)
class Comparison:
    """The second routine against the first.

    unit        of the timeline: seconds since the first clip, share of the routine, or clips where
                the features carry no times.
    stretches   the clips of the longer routine; the points of the other are laid on them by how
                far they overlap. With ``start`` they add up to ``difference``.
    start       by how much the average routine of the second's length scores more.
    phases      the quarters, which add up as the stretches do, and what a config names.
    pair_width  half of what holds 90 % of the model's errors of such a difference.
    """

    first: Result
    second: Result
    align: Align
    unit: Unit
    stretches: tuple[Stretch, ...]
    start: float
    phases: tuple[PhaseDifference, ...]
    pair_width: float | None

    @property
    def difference(self) -> float:
        return self.second.score - self.first.score

    @property
    def interval(self) -> tuple[float, float] | None:
        if self.pair_width is None:
            return None
        return self.difference - self.pair_width, self.difference + self.pair_width

    @property
    def told_apart(self) -> bool | None:
        """Whether the difference is larger than the model's error of 90 % of pairs."""
        return None if self.pair_width is None else abs(self.difference) > self.pair_width

    def strongest(self, *, better: bool, count: int = MOMENTS) -> list[int]:
        """The stretches where the second is better (or worse) by most, none within noise."""
        gaps = np.array([stretch.difference for stretch in self.stretches])
        order = np.argsort(-gaps if better else gaps, kind="stable")
        named = [int(i) for i in order if gaps[i] != 0 and (gaps[i] > 0) == better]
        return [i for i in named if self.stretches[i].sure is not False][:count]

    def middle_s(self, index: int) -> tuple[float, float] | None:
        """Where the middle of a stretch is in either video, in seconds; None where the features
        carry no times. Of one that has ended by then its end."""
        spans = []
        for result in (self.first, self.second):
            start, end = result.parts[0].start_s, result.parts[-1].end_s
            if start is None or self.unit == "clip":
                return None
            place = (self.stretches[index].start + self.stretches[index].end) / 2
            spans.append(min(start + place * (end - start if self.unit == "share" else 1), end))
        return spans[0], spans[1]

    def to_dict(self) -> dict[str, Any]:
        return {
            "videos": [self.first.video, self.second.video],
            "score_name": self.first.score_name,
            "scores": [self.first.score, self.second.score],
            "difference": self.difference,
            "interval": list(self.interval) if self.interval else None,
            "told_apart": self.told_apart,
            "align": self.align,
            "unit": self.unit,
            "start": self.start,
            "stretches": [vars(stretch) for stretch in self.stretches],
            "phases": [vars(phase) for phase in self.phases],
        }


def compare(first: Result, second: Result, align: Align) -> Comparison:
    """AqaError where one has times and the other none, and they are to be laid side by side in
    time. Of checkpoints that know no contributions there are no stretches."""
    known = first.explained is not None and second.explained is not None
    unit, stretches = _stretches(first.parts, second.parts, align) if known else ("share", ())
    both = (first.pair_width, second.pair_width)
    return Comparison(
        first=first,
        second=second,
        align=align,
        unit=unit,
        stretches=stretches,
        start=second.explained.baseline - first.explained.baseline if known else 0.0,
        phases=tuple(
            PhaseDifference(a.name, a.points, b.points, b.points - a.points)
            for a in first.explained.phases
            for b in second.explained.phases
            if a.name == b.name
        )
        if known
        else (),
        pair_width=None if None in both else float(np.mean(both)),
    )


def _stretches(
    first: Sequence[Contribution], second: Sequence[Contribution], align: Align
) -> tuple[Unit, tuple[Stretch, ...]]:
    edges = [_edges(parts) for parts in (first, second)]
    timed = [parts[0].start_s is not None for parts in (first, second)]
    unit: Unit = "second" if all(timed) else "clip"
    if align == "phase":
        edges, unit = [each / each[-1] for each in edges], "share"
    elif timed[0] != timed[1]:
        raise AqaError("one of them has clip times and the other none: add --align phase")
    longer = max((0, 1), key=lambda which: (edges[which][-1], len(edges[which])))
    grid = edges[longer]
    points = [_laid(each, _column(parts, "points"), grid)
              for each, parts in zip(edges, (first, second), strict=True)]  # fmt: skip
    widths = None
    if first[0].high is not None and second[0].high is not None:
        laid = [_laid(each, _column(parts, "high") - _column(parts, "points"), grid)
                for each, parts in zip(edges, (first, second), strict=True)]  # fmt: skip
        widths = np.hypot(*laid)
    found = []
    for index, (a, b) in enumerate(zip(*points, strict=True)):
        gap, sure = float(b - a), (None, None, None)
        if widths is not None:
            width = float(widths[index])
            sure = (gap - width, gap + width, abs(gap) > width)
        start, end = float(grid[index]), float(grid[index + 1])
        found.append(Stretch(start, end, float(a), float(b), gap, *sure))
    return unit, tuple(found)


def _edges(parts: Sequence[Contribution]) -> np.ndarray:
    """Where each clip begins, and the last one ends, from 0 on; a clip lasts until the next one."""
    if parts[0].start_s is None:
        return np.arange(len(parts) + 1, dtype=float)
    edges = np.array([part.start_s for part in parts] + [parts[-1].end_s], float)
    return edges - edges[0]


def _column(parts: Sequence[Contribution], name: str) -> np.ndarray:
    return np.array([getattr(part, name) for part in parts], float)


def _laid(edges: np.ndarray, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """``values`` [T] of the stretches between ``edges`` [T+1], by how much of each lies in those of
    ``grid``, which reaches as far at least: the sum stays."""
    running = np.concatenate([[0.0], np.cumsum(values)])
    return np.diff(np.interp(grid, edges, running))
