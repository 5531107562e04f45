"""Features to scores: datasets, the assessment model, training, evaluation, checkpoints.

Exports are loaded on first use (PEP 562), so that ``import aqa`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from aqa.errors import AqaError

_EXPORTS = {
    "AqaDataset": "aqa.datasets",
    "Assessment": "aqa.assessment",
    "Evaluation": "aqa.evaluation",
    "Example": "aqa.datasets",
    "ExperimentConfig": "aqa.config",
    "FeatureFolder": "aqa.features",
    "FeatureOrigin": "aqa.features",
    "ScoringModel": "aqa.assessment",
    "build_model": "aqa.build",
    "check_origin": "aqa.checkpoint",
    "evaluate": "aqa.evaluation",
    "from_reference": "aqa.reference",
    "load_checkpoint": "aqa.checkpoint",
    "load_config": "aqa.config",
    "load_dataset": "aqa.datasets",
    "read_features": "aqa.features",
    "save_checkpoint": "aqa.checkpoint",
    "train": "aqa.training",
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
