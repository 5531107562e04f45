"""The feature folder during an extraction: who writes, what is there, what failed."""

from pipeline.extraction.folder.claims import claim
from pipeline.extraction.folder.failures import FailureLog
from pipeline.extraction.folder.origin import (
    expected_origin,
    feature_origin,
    made_by,
    refuse_other_origin,
)
from pipeline.extraction.folder.resume import Division, divide, naming, note_moved

__all__ = [
    "Division",
    "FailureLog",
    "claim",
    "divide",
    "expected_origin",
    "feature_origin",
    "made_by",
    "naming",
    "note_moved",
    "refuse_other_origin",
]
