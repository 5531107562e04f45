"""Footage to a folder of features."""

from pipeline.extraction.dry_run import label_gaps, look_at, show_division
from pipeline.extraction.folder import (
    divide,
    expected_origin,
    feature_origin,
    library_versions,
    refuse_other_origin,
)
from pipeline.extraction.job import Outcome, extract
from pipeline.extraction.runs import Automatic, InProcess, Meter, OnRay, Runner, Watch
from pipeline.extraction.stages import ExtractionSpec, FeatureExtractor, make_spec

__all__ = [
    "Automatic",
    "ExtractionSpec",
    "FeatureExtractor",
    "InProcess",
    "Meter",
    "OnRay",
    "Outcome",
    "Runner",
    "Watch",
    "divide",
    "expected_origin",
    "extract",
    "feature_origin",
    "label_gaps",
    "library_versions",
    "look_at",
    "make_spec",
    "refuse_other_origin",
    "show_division",
]
