"""Whether contributions stay where nothing that matters has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from aqa.faithfulness.explainers import Explainer
from aqa.faithfulness.watching import Watch, unwatched, watched
from aqa.metrics import spearman

DROPPED = 5


@dataclass(frozen=True)
class Stability:
    """Mean rank correlation of a routine's contributions with those of the same routine without its
    last DROPPED clips, and with features rounded to float16."""

    without_last: float
    rounded: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def stability(
    explain: Explainer, videos: Sequence[np.ndarray], watch: Watch = unwatched
) -> Stability:
    long = [features for features in videos if len(features) > 2 * DROPPED]
    points, cut, half = [], [], []
    for features in watched(long, "stability", watch):
        points.append(explain(features))
        cut.append(explain(features[:-DROPPED]))
        half.append(explain(features.astype(np.float16).astype(np.float32)))
    return Stability(
        rank_agreement([row[:-DROPPED] for row in points], cut), rank_agreement(points, half)
    )


def rank_agreement(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    """Mean over routines of Spearman's correlation of two explanations of each; nan of none."""
    if not one:
        return float("nan")
    return float(np.mean([spearman(a, b) for a, b in zip(one, other, strict=True)]))
