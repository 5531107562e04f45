"""The runner that lets Ray do the work, and keeps it going until every video has ended, whatever
dies on the way.

Ray itself replaces workers, actors and nodes. What it cannot mend (its own head on this machine,
a run that stands still) ends the run of the graph; a new one does the videos that are left.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from pipeline.cluster import RayLostError, RayOptions, driven, ray_session
from pipeline.errors import UsageError
from pipeline.extraction.runs.graph import choose_width, feature_batches
from pipeline.extraction.runs.meter import Width
from pipeline.extraction.runs.runner import Watch
from pipeline.extraction.stages import Assembly, Batch, ExtractionSpec, Finished, divided
from pipeline.footage import Video
from pipeline.workspace import counted

# Runs of the graph, one after the other, in which no video ended.
FRUITLESS_RUNS = 3
# A cluster's head may be on its way back.
WAIT_S = (5.0, 30.0, 60.0)


class NoBackboneError(UsageError):
    """A node cannot have the backbone at all: another run would end in the same way."""


@dataclass(frozen=True)
class OnRay:
    """On a Ray of this machine, or on a cluster. See ``pipeline.extraction.runs.runner``."""

    options: RayOptions = field(default_factory=RayOptions)

    def announcement(self, todo: Sequence[Video], spec: ExtractionSpec) -> str:
        return f"starting Ray ({self.options.place}) ..."

    def __call__(
        self, todo: Sequence[Video], spec: ExtractionSpec, watch: Watch
    ) -> Iterator[Finished]:
        """Raises UsageError where Ray cannot be started or joined at all, or a node has no
        backbone."""
        watch.meter.waits_for = "Ray starts ..."
        left = {video.id: video for video in todo}
        fruitless = 0
        while left:
            before, reason = len(left), "Ray gave no more of them"
            try:
                for finished in _one_run(list(left.values()), spec, self.options, watch):
                    del left[finished.id]
                    yield finished
            except UsageError as error:
                never_worked = before == len(todo) and not fruitless
                if never_worked or isinstance(error, NoBackboneError):
                    raise
                reason = str(error)
            except RayLostError as error:
                reason = str(error)
            if not left:
                return
            fruitless = 0 if len(left) < before else fruitless + 1
            if fruitless == FRUITLESS_RUNS:
                for name in left:
                    yield Finished(name, None, {}, f"the run broke off {fruitless} times: {reason}")
                return
            watch.console.warn(
                f"the run broke off ({reason}); Ray starts again for the "
                f"{counted(len(left), 'video')} left"
            )
            if self.options.address:
                time.sleep(WAIT_S[fruitless])


def _one_run(
    videos: Sequence[Video], spec: ExtractionSpec, options: RayOptions, watch: Watch
) -> Iterator[Finished]:
    assembly = Assembly()
    given = driven(_batches, videos, spec, options, limit_s=options.standstill_s)
    with closing(given):
        for item in given:
            if isinstance(item, Width):
                parts = divided(videos, min(item.decoders, item.workers))
                watch.meter.run_starts(item, len(parts))
                continue
            watch.meter.add(item)
            watch.show()
            finished = assembly.add(item)
            if finished is not None:
                yield finished


def _batches(
    videos: Sequence[Video], spec: ExtractionSpec, options: RayOptions
) -> Iterator[Width | Batch]:
    """What the driver's process does: how wide the graph is, then what it gives."""
    with ray_session(options) as ray:
        width = choose_width(ray, spec.device, options)
        yield width
        try:
            yield from feature_batches(ray, videos, spec, options, width)
        except ray.exceptions.RayError as error:
            unavailable = re.search(r"BackboneUnavailableError: (.*)", str(error))
            if unavailable:
                raise NoBackboneError(unavailable[1]) from None
            raise
