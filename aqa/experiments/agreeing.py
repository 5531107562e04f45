"""How far the folds' models agree about what each clip contributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aqa.checkpoints import load_checkpoint
from aqa.data import AqaDataset, Grid
from aqa.models import Certainty, Explanation, ScoringModel, Seen, find_certainty

if TYPE_CHECKING:
    from aqa.experiments.runs import RunResult


def certainty_of(results: Sequence[RunResult], score: str, dataset: AqaDataset) -> Certainty | None:
    """From a cross-validation on ``dataset.train``: each held-out routine as its fold's model and
    as the next fold's explain it. None where the models have no members to disagree."""
    models = [load_checkpoint(result.checkpoint).for_score(score) for result in results]
    examples = {example.id: example for example in dataset.train}
    seen, true, errors = [], [], []
    for number, result in enumerate(results):
        held_out = result.evaluation
        true += held_out.true
        errors.append(np.subtract(held_out.predicted, held_out.true))
        other = models[(number + 1) % len(models)]
        for name in held_out.ids:
            features, grid = examples[name].read(models[number].channels)
            both = [_explanation(model, features, grid) for model in (models[number], other)]
            if both[0] is None or both[0].spread is None:
                return None
            seen.append(Seen(result.fold, *both))
    return find_certainty(seen, true, errors)


def _explanation(
    model: ScoringModel, features: np.ndarray, grid: Grid | None
) -> Explanation | None:
    return model.assess(features, grid).explanation
