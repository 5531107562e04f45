"""Where an extraction runs: on Ray, or in this process."""

from pipeline.extraction.runs.automatic import Automatic
from pipeline.extraction.runs.graph import PartWorker
from pipeline.extraction.runs.in_process import InProcess
from pipeline.extraction.runs.meter import Meter
from pipeline.extraction.runs.runner import Runner, Watch
from pipeline.extraction.runs.supervise import OnRay

__all__ = [
    "Automatic",
    "InProcess",
    "Meter",
    "OnRay",
    "PartWorker",
    "Runner",
    "Watch",
]
