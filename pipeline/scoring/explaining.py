"""What a model says of each clip, with times, and as sure as its checkpoint knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aqa.models import Assessment, Certainty, Explanation, ScoringModel
from pipeline.scoring.result import QUARTERS, Contribution, Explained, Phase, Times


def explain(
    model: ScoringModel, assessment: Assessment, starts: Times, ends: Times
) -> Explained | None:
    """``starts`` and ``ends`` of the clips that there are, seconds or None."""
    explanation = assessment.explanation
    if explanation is None:
        return None
    points, count = explanation.points, len(explanation.points)
    certainty = Certainty.of(model.info)
    widths = certainty and certainty.widths(explanation)
    mean = certainty and certainty.mean_score
    return Explained(
        baseline=explanation.baseline,
        contributions=tuple(
            Contribution(start, end, float(value), *_sure(float(value), width))
            for start, end, value, width in zip(
                starts, ends, points, [None] * count if widths is None else widths, strict=True
            )
        ),
        phases=_phases(explanation, starts, ends, _named_parts(model)),
        baseline_above_mean=None if mean is None else explanation.baseline - mean,
        percentiles=None if certainty is None else tuple(certainty.percentiles(explanation)),
        typical=None if certainty is None else tuple(certainty.typical(explanation)),
    )


def _sure(points: float, width: float | None) -> tuple[float | None, float | None, bool | None]:
    if width is None:
        return None, None, None
    width = float(width)
    return points - width, points + width, abs(points) > width


def _named_parts(model: ScoringModel) -> Mapping[str, Sequence[float]]:
    return ((model.info.config or {}).get("dataset") or {}).get("parts") or {}


def _phases(
    explanation: Explanation, starts: Times, ends: Times, named: Mapping[str, Sequence[float]]
) -> tuple[Phase, ...]:
    """The quarters, then what the experiment's config names."""
    count = len(QUARTERS)
    spans = {name: (number / count, (number + 1) / count) for number, name in enumerate(QUARTERS)}
    found = []
    for name, (begin, end) in [*spans.items(), *named.items()]:
        (inside,) = np.nonzero((explanation.phases >= begin) & (explanation.phases < end))
        known = len(inside) > 0 and starts[0] is not None
        found.append(
            Phase(
                name,
                starts[inside[0]] if known else None,
                ends[inside[-1]] if known else None,
                float(explanation.points[inside].sum()),
            )
        )
    return tuple(found)
