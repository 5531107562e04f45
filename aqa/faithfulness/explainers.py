"""What gives contributions: a model, or chance, which must fail every measure."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from aqa.errors import AqaError
from aqa.models import Explanation, ScoringModel

# Features [T, C] -> points [T] in score units.
Explainer = Callable[[np.ndarray], np.ndarray]


def explained(model: ScoringModel, features: np.ndarray) -> Explanation:
    """AqaError where the model cannot explain."""
    explanation = model.assess(features).explanation
    if explanation is None:
        raise AqaError("the checkpoint knows no average routine: train it again")
    return explanation


def of_model(model: ScoringModel) -> Explainer:
    """Its own contributions."""
    return lambda features: explained(model, features).points


def at_random(seed: int) -> Explainer:
    """Numbers that know nothing; the same features have the same ones."""

    def explain(features: np.ndarray) -> np.ndarray:
        digest = zlib.crc32(np.ascontiguousarray(features).tobytes())
        return np.random.default_rng([seed, digest]).standard_normal(len(features))

    return explain
