"""Models: which kinds there are, what all of them give, and how sure they are."""

import lazy_loader

from aqa.models.baselines import KernelRidgeConfig, MeanConfig, RidgeConfig
from aqa.models.clips import ClipModelConfig
from aqa.models.kind import ModelKind
from aqa.models.published import PublishedModelConfig
from aqa.models.registry import MODELS, build_model, parse_section, register

# They need torch, or scipy.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": [
            "Assessment",
            "LossWeights",
            "ModelInfo",
            "ModelOutput",
            "ScoringModel",
            "mark",
            "one_thread",
        ],
        "calibration": ["FEWEST", "LEVEL", "Calibration", "calibrate"],
        "certainty": ["Certainty", "Seen", "find_certainty"],
        "explanation": ["Explanation"],
        "parts": ["check_precision", "products_in"],
        "published": ["PublishedModel", "sinusoids"],
    },
)
__all__ = [
    "FEWEST",
    "LEVEL",
    "MODELS",
    "Assessment",
    "Calibration",
    "Certainty",
    "ClipModelConfig",
    "Explanation",
    "KernelRidgeConfig",
    "LossWeights",
    "MeanConfig",
    "ModelInfo",
    "ModelKind",
    "ModelOutput",
    "PublishedModel",
    "PublishedModelConfig",
    "RidgeConfig",
    "ScoringModel",
    "Seen",
    "build_model",
    "calibrate",
    "check_precision",
    "find_certainty",
    "mark",
    "one_thread",
    "parse_section",
    "products_in",
    "register",
    "sinusoids",
]
