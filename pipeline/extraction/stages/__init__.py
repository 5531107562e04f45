"""The work of an extraction as plain code: a video to batches, batches to features, features
to a finished video."""

from pipeline.extraction.stages.assembly import Assembly, Finished
from pipeline.extraction.stages.backbone import FeatureExtractor, settled
from pipeline.extraction.stages.batch import Batch, joined
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part, divided
from pipeline.extraction.stages.spec import ExtractionSpec, make_spec

__all__ = [
    "Assembly",
    "Batch",
    "ExtractionSpec",
    "FeatureExtractor",
    "Finished",
    "Part",
    "decode_batches",
    "divided",
    "joined",
    "make_spec",
    "settled",
]
