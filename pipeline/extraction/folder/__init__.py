"""The feature folder during an extraction: who writes, what is there, what failed."""

from pipeline.extraction.folder.claims import claim
from pipeline.extraction.folder.failures import FailureLog
from pipeline.extraction.folder.origin import (
    feature_origin,
    library_versions,
    planned_origin,
    refuse_other_origin,
)
from pipeline.extraction.folder.resume import Division, divide, naming, note_moved

__all__ = [
    "Division",
    "FailureLog",
    "claim",
    "divide",
    "feature_origin",
    "library_versions",
    "naming",
    "note_moved",
    "planned_origin",
    "refuse_other_origin",
]
