"""A video or its features to a result; checkpoints against labels."""

import lazy_loader

from pipeline.scoring.features import FEATURE_SUFFIX, ClipFeatures, Part
from pipeline.scoring.result import (
    ClipAssessment,
    Contribution,
    Result,
    moment,
    moment_clips,
    moments,
)

# They need torch.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "compared": ["Compared", "compare_results"],
        "comparing": ["Align", "Comparison"],
        "agreement": ["Agreement", "ENSEMBLE", "evaluate_checkpoints", "find_examples"],
        "judges": ["Judges", "has_scores"],
        "faithfulness": ["Truth", "measure_faithfulness"],
        "pick": ["pick_checkpoints"],
        "scorer": ["Extraction", "Scorer", "score_all"],
        "videos": ["spec_like"],
        "trend": ["Trend", "find_trend"],
    },
)
__all__ = [
    "ENSEMBLE",
    "FEATURE_SUFFIX",
    "Agreement",
    "Align",
    "ClipAssessment",
    "ClipFeatures",
    "Compared",
    "Comparison",
    "Contribution",
    "Extraction",
    "Judges",
    "Part",
    "Result",
    "Scorer",
    "Trend",
    "Truth",
    "compare_results",
    "evaluate_checkpoints",
    "find_examples",
    "find_trend",
    "has_scores",
    "measure_faithfulness",
    "moment",
    "moment_clips",
    "moments",
    "pick_checkpoints",
    "score_all",
    "spec_like",
]
