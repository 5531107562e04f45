"""Footage to a folder of features."""

from pipeline.extraction.dry_run import label_gaps, look_at, show_division
from pipeline.extraction.folder import (
    divide,
    expected_origin,
    feature_origin,
    made_by,
    refuse_other_origin,
)
from pipeline.extraction.job import Outcome, extract
from pipeline.extraction.runs import Automatic, InProcess, Meter, OnRay, PartWorker, Runner, Watch
from pipeline.extraction.stages import (
    Assembly,
    Batch,
    ExtractionSpec,
    FeatureExtractor,
    Finished,
    Part,
    make_spec,
    settled,
)

__all__ = [
    "Assembly",
    "Automatic",
    "Batch",
    "ExtractionSpec",
    "FeatureExtractor",
    "Finished",
    "InProcess",
    "Meter",
    "OnRay",
    "Outcome",
    "Part",
    "PartWorker",
    "Runner",
    "Watch",
    "divide",
    "expected_origin",
    "extract",
    "feature_origin",
    "label_gaps",
    "look_at",
    "made_by",
    "make_spec",
    "refuse_other_origin",
    "settled",
    "show_division",
]
