"""All measures of one model on labelled routines, and their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aqa.errors import AqaError
from aqa.faithfulness.blocks import (
    LENGTHS,
    SHARES,
    Agreement,
    Blocks,
    area_between,
    curves,
    replaced_blocks,
)
from aqa.faithfulness.explainers import Explainer, explained, of_model
from aqa.faithfulness.planted import Planted, planted_changes
from aqa.faithfulness.steadiness import Stability, stability
from aqa.faithfulness.watching import Watch, unwatched, watched
from aqa.models import ScoringModel

# Curves take a hundred assessments a routine.
_CURVES_OF = 8


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Of the explanations of one model on ``videos`` routines.

    remainder  median share of |score - baseline| that was added only so that points add up.
    """

    videos: int
    blocks: Blocks
    curves: dict[str, np.ndarray]
    planted: list[Planted]
    stability: Stability
    remainder: float

    def to_dict(self) -> dict[str, Any]:
        def figures(pairs: dict[int, np.ndarray]) -> dict[str, Any]:
            return {str(length): vars(Agreement.of(rows)) for length, rows in pairs.items()}

        return {
            "videos": self.videos,
            "replaced": figures(self.blocks.replaced),
            "removed": figures(self.blocks.removed),
            "planted": [each.to_dict() for each in self.planted],
            "curves": {
                "shares": list(SHARES),
                **{name: row.round(4).tolist() for name, row in self.curves.items()},
                "area_deletion": area_between(self.curves, "deletion"),
                "area_insertion": area_between(self.curves, "insertion"),
            },
            "stability": self.stability.to_dict(),
            "remainder": self.remainder,
        }


def measure(
    model: ScoringModel,
    videos: Sequence[np.ndarray],
    scores: Sequence[float],
    explain: Explainer | None = None,
    *,
    draws: int = 6,
    seed: int = 0,
    watch: Watch = unwatched,
) -> Faithfulness:
    """``explain`` in place of the model's own explanation, for what must come out at chance;
    ``draws`` blocks of each length in each video; ``watch`` hears how far it is."""
    longest = max(map(len, videos), default=0)
    if longest <= min(LENGTHS):
        raise AqaError(
            f"the longest of these routines has {longest} clips: blocks of {min(LENGTHS)} are put "
            "into others"
        )
    remainders = [0.0]
    if explain is None:
        explain = of_model(model)
        remainders = [
            explained(model, each).remainder for each in watched(videos, "remainders", watch)
        ]
    return Faithfulness(
        len(videos),
        replaced_blocks(model, explain, videos, draws=draws, seed=seed, watch=watch),
        curves(model, explain, videos[:_CURVES_OF], seed=seed, watch=watch),
        planted_changes(model, explain, videos, scores, seed=seed, watch=watch),
        stability(explain, videos, watch),
        float(np.median(remainders)),
    )
