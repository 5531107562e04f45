"""What runs an extraction: a runner, which is handed in. It places the stages, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.extraction.runs.meter import Meter
from pipeline.extraction.stages import ExtractionSpec, Finished
from pipeline.footage import Video
from pipeline.workspace import Console


@dataclass(frozen=True)
class Watch:
    """Who follows a run: the meter counts its batches, ``show`` is called when it has moved."""

    meter: Meter
    show: Callable[[], None]
    console: Console


class Runner(Protocol):
    """``OnRay``, ``InProcess`` or ``Automatic``: all give the same bits."""

    def announcement(self, todo: Sequence[Video], spec: ExtractionSpec) -> str:
        """Where these videos will be done, as a line for people."""

    def __call__(
        self, todo: Sequence[Video], spec: ExtractionSpec, watch: Watch
    ) -> Iterator[Finished]:
        """Every video of ``todo`` once, in the order in which they end. Closing the iterator ends
        the work. UsageError or ExtractorError where none of them can be done."""
