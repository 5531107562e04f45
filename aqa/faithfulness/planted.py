"""A window of one routine replaced by another's: do contributions move there, and by as much?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aqa.faithfulness.explainers import Explainer
from aqa.faithfulness.watching import Watch, unwatched, watched
from aqa.models import ScoringModel

LENGTHS = (5, 10, 20)
PLACES = {"early": 0.15, "middle": 0.5, "late": 0.85}  # middle of the window in the routine
LEAST = 0.5  # points
FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Planted:
    """Over the pairs whose score changed by at least LEAST points.

    found_inside  slope of the change of the window's contributions on that of the score.
    hit, chance   how often the window with the largest change overlaps the planted one by half,
                  and how often one at random would.
    outside       mean size of a change of a clip outside, as a share of one inside.
    rank          of the window among all of its length by contributions in the changed routine
                  alone, on the side of the change: 0 the first, 0.5 chance.
    """

    length: int
    pairs: int
    found_inside: float
    hit: float
    chance: float
    outside: float
    rank: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def planted_changes(
    model: ScoringModel,
    explain: Explainer,
    videos: Sequence[np.ndarray],
    scores: Sequence[float],
    *,
    lengths: Sequence[int] = LENGTHS,
    seed: int = 0,
    watch: Watch = unwatched,
) -> list[Planted]:
    """Every routine, at each place and length, with a window of one of the fifth that scored best
    and of one of the fifth that scored worst (``scores``: the judges')."""
    random, order = np.random.default_rng(seed), np.argsort(scores)
    ends = max(1, len(order) // 5)
    worst, best = order[:ends], order[-ends:]
    before = [
        (explain(features), model.score_of(features))
        for features in watched(videos, "before planting", watch)
    ]
    found = []
    for length in lengths:
        rows = []
        what = f"planted windows of {length}"
        for number, features in enumerate(watched(videos, what, watch)):
            if len(features) <= 2 * length:
                continue
            for place in PLACES.values():
                for donors in (worst, best):
                    donor = videos[random.choice(donors)]
                    if donor is features or len(donor) <= 2 * length:
                        continue
                    start = _start(place, len(features), length)
                    other, take = features.copy(), _start(place, len(donor), length)
                    other[start : start + length] = donor[take : take + length]
                    rows.append(
                        _row(model, explain, other, before[number], slice(start, start + length))
                    )
        found.append(_summary(length, [row for row in rows if abs(row[0]) >= LEAST]))
    return found


def _start(place: float, clips: int, length: int) -> int:
    return int(np.clip(round(place * clips - length / 2), 0, clips - length))


def _row(
    model: ScoringModel,
    explain: Explainer,
    other: np.ndarray,
    before: tuple[np.ndarray, float],
    window: slice,
) -> tuple[float, float, bool, float, float, float]:
    """Change of the score, of the window's contributions; hit, chance, outside, rank."""
    change = model.score_of(other) - before[1]
    if abs(change) < LEAST:
        return (change, 0.0, False, 0.0, 0.0, 0.0)
    after = explain(other)
    moved, length = after - before[0], window.stop - window.start
    windows = np.ones(length)
    sums = np.abs(np.convolve(moved, windows, "valid"))
    overlap = length - np.abs(np.arange(len(sums)) - window.start)
    near = overlap >= length / 2
    inside = np.zeros(len(moved), bool)
    inside[window] = True
    outside = np.abs(moved[~inside]).mean() / max(np.abs(moved[inside]).mean(), 1e-12)
    alone = np.convolve(after, windows, "valid") * np.sign(change)
    rank = float((alone > alone[window.start]).mean())
    hit = bool(near[np.argmax(sums)])
    return (change, float(moved[inside].sum()), hit, float(near.mean()), float(outside), rank)


def _summary(length: int, rows: list[tuple]) -> Planted:
    if len(rows) < FEWEST_PAIRS:
        nothing = float("nan")
        return Planted(length, len(rows), nothing, nothing, nothing, nothing, nothing)
    change, inside, hit, chance, outside, rank = np.array(rows, float).T
    slope = float((change * inside).sum() / (change * change).sum())
    return Planted(
        length,
        len(rows),
        slope,
        float(hit.mean()),
        float(chance.mean()),
        float(np.median(outside)),
        float(rank.mean()),
    )
