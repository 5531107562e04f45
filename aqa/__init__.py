"""Features to scores: data sets, assessment models, training, evaluation, checkpoints.

Names are loaded at first use, so that ``import aqa`` costs nothing.
"""

import lazy_loader

from aqa.errors import AqaError

__getattr__, _, _names = lazy_loader.attach(
    __name__,
    submodules=["metrics"],
    submod_attrs={
        "checkpoints": ["check_origin", "from_reference", "load_checkpoint", "save_checkpoint"],
        "config": ["ExperimentConfig", "load_config"],
        "data": [
            "AqaDataset",
            "Example",
            "FeatureFolder",
            "FeatureOrigin",
            "load_dataset",
            "read_features",
        ],
        "experiments": ["Evaluation", "evaluate"],
        "models": ["Assessment", "ScoringModel", "build_model"],
        "training": ["train"],
    },
)
__all__ = [
    "AqaDataset",
    "AqaError",
    "Assessment",
    "Evaluation",
    "Example",
    "ExperimentConfig",
    "FeatureFolder",
    "FeatureOrigin",
    "ScoringModel",
    "build_model",
    "check_origin",
    "evaluate",
    "from_reference",
    "load_checkpoint",
    "load_config",
    "load_dataset",
    "metrics",
    "read_features",
    "save_checkpoint",
    "train",
]


def __dir__() -> list[str]:
    return __all__
