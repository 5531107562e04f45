"""Which runner does the work, where nobody has said so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.cluster import RayOptions, usable_cpus
from pipeline.extraction.runs.in_process import InProcess
from pipeline.extraction.runs.runner import Runner, Watch
from pipeline.extraction.runs.supervise import OnRay
from pipeline.extraction.stages import ExtractionSpec, Finished
from pipeline.footage import Video


@dataclass(frozen=True)
class Automatic:
    """This process where Ray would gain nothing: for one video, or one CPU and no GPU. Else Ray."""

    options: RayOptions = field(default_factory=RayOptions)

    def announcement(self, todo: Sequence[Video], spec: ExtractionSpec) -> str:
        return self._chosen(todo, spec).announcement(todo, spec)

    def __call__(
        self, todo: Sequence[Video], spec: ExtractionSpec, watch: Watch
    ) -> Iterator[Finished]:
        return self._chosen(todo, spec)(todo, spec, watch)

    def _chosen(self, todo: Sequence[Video], spec: ExtractionSpec) -> Runner:
        here = InProcess(self.options.workers, self.options.decoders)
        little = len(todo) == 1 or (spec.device == "cpu" and usable_cpus() == 1)
        # More workers than a process has room for may find it on Ray: a GPU each.
        fits = (self.options.workers or 1) <= here.room(spec.device)
        return here if little and fits else OnRay(self.options)
