"""Features to scores: datasets, the assessment model, training, evaluation, checkpoints.

Exports are loaded on first use (PEP 562), so that ``import aqa`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from aqa.errors import AqaError

_EXPORTS = {
    "AqaDataset": "aqa.data.dataset",
    "Assessment": "aqa.models.base",
    "Evaluation": "aqa.experiments.evaluation",
    "Example": "aqa.data.dataset",
    "ExperimentConfig": "aqa.config.experiment",
    "FeatureFolder": "aqa.data.features",
    "FeatureOrigin": "aqa.data.features",
    "ScoringModel": "aqa.models.base",
    "build_model": "aqa.models.build",
    "check_origin": "aqa.checkpoints.checkpoint",
    "evaluate": "aqa.experiments.evaluation",
    "from_reference": "aqa.checkpoints.reference",
    "load_checkpoint": "aqa.checkpoints.checkpoint",
    "load_config": "aqa.config.experiment",
    "load_dataset": "aqa.data.dataset",
    "read_features": "aqa.data.features",
    "save_checkpoint": "aqa.checkpoints.checkpoint",
    "train": "aqa.training.recipes",
}
__all__ = ["AqaError", "metrics", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("aqa.metrics")
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'aqa' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
