"""The runner without Ray: this process, its threads, and a reading process for each video.

torch and reading free the interpreter, so that threads are enough. What Ray survives is survived
here too: a reading process that dies is replaced and one that stalls is ended
(``extractors.clips``); a command that is killed goes on with the videos that are left.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from queue import Empty, Full, Queue, SimpleQueue

from extractors import ExtractorError
from pipeline.cluster import usable_cpus
from pipeline.errors import UsageError, one_line
from pipeline.extraction.runs.meter import Width
from pipeline.extraction.runs.runner import Watch
from pipeline.extraction.stages import (
    Assembly,
    Batch,
    ExtractionSpec,
    FeatureExtractor,
    Finished,
    Part,
    decode_batches,
)
from pipeline.footage import Video
from pipeline.workspace import counted

_POLL_S = 0.1


@dataclass(frozen=True)
class InProcess:
    """In this process. See ``pipeline.extraction.runs.runner``.

    workers   threads that share one backbone. Default: one per CPU; on a GPU there is one.
    decoders  videos read at once. Default: one per CPU.
    backbone  one that was built before.
    """

    workers: int | None = None
    decoders: int | None = None
    backbone: FeatureExtractor | None = field(default=None, repr=False)

    def room(self, device: str) -> int:
        """Backbone workers that there is room for: on CPUs as many as Ray would have."""
        return 1 if device == "cuda" else 2 * usable_cpus() - 1

    def announcement(self, todo: Sequence[Video], spec: ExtractionSpec) -> str:
        return f"extracting in this process ({counted(len(todo), 'video')}) ..."

    def __call__(
        self, todo: Sequence[Video], spec: ExtractionSpec, watch: Watch
    ) -> Iterator[Finished]:
        width = self._width(len(todo), spec.device)
        backbone = self.backbone or _built(spec, width.workers)
        watch.meter.run_starts(width, len(todo))
        assembly, left = Assembly(), [video.id for video in todo]
        with closing(_Threads(todo, spec, backbone, width).batches()) as batches:
            for batch in batches:
                watch.meter.add(batch)
                watch.show()
                finished = assembly.add(batch)
                if finished is not None:
                    left.remove(finished.id)
                    yield finished
        for name in left:
            yield Finished(name, None, {}, "reading gave less than was there when it was opened")

    def _width(self, videos: int, device: str) -> Width:
        room, kind = self.room(device), "GPU" if device == "cuda" else "CPU"
        if (self.workers or 1) > room:
            asked = counted(self.workers or 1, "backbone worker")
            raise UsageError(
                f"{asked} wanted, this process has room for {counted(room, f'{kind} worker')}"
            )
        workers = 1 if device == "cuda" else self.workers or usable_cpus()
        return Width(min(self.decoders or usable_cpus(), videos), workers)


def _built(spec: ExtractionSpec, workers: int) -> FeatureExtractor:
    try:
        return FeatureExtractor(spec, workers)
    except ExtractorError:
        raise
    except Exception as error:  # a full GPU, memory that is short
        raise UsageError(f"no backbone can be had in this process: {one_line(error)}") from None


class _Threads:
    """Some decode, some run the backbone; at most twice as many batches wait between them as there
    are workers, so that memory is bounded."""

    def __init__(
        self,
        todo: Sequence[Video],
        spec: ExtractionSpec,
        backbone: FeatureExtractor,
        width: Width,
    ) -> None:
        self._spec, self._backbone = spec, backbone
        self._videos: SimpleQueue[Video] = SimpleQueue()
        for video in todo:
            self._videos.put(video)
        self._decoded: Queue[Batch] = Queue(2 * width.workers)
        self._done: SimpleQueue[Batch | BaseException | None] = SimpleQueue()
        self._stopped = threading.Event()
        # Daemons: an interrupted command does not wait for a batch, nor for a video that stalls.
        self._decoders = [
            threading.Thread(target=self._decode, daemon=True) for _ in range(width.decoders)
        ]
        self._workers = [
            threading.Thread(target=self._compute, daemon=True) for _ in range(width.workers)
        ]

    def batches(self) -> Iterator[Batch]:
        """Batches with features, in any order. Raises what a thread raised."""
        import torch

        torch_threads = torch.get_num_threads()
        for thread in (*self._decoders, *self._workers):
            thread.start()
        at_work = len(self._workers)
        try:
            while at_work:
                given = self._done.get()
                if isinstance(given, BaseException):
                    raise given
                if given is None:
                    at_work -= 1
                else:
                    yield given
        finally:
            self._stopped.set()
            torch.set_num_threads(torch_threads)

    def _decode(self) -> None:
        try:
            while True:
                try:
                    video = self._videos.get_nowait()
                except Empty:
                    return
                with closing(decode_batches(Part(video), self._spec)) as batches:
                    for batch in batches:
                        if not self._put(batch):
                            return
        except BaseException as error:
            self._done.put(error)

    def _compute(self) -> None:
        import torch

        torch.set_num_threads(1)  # of this thread: OpenMP counts them for each
        try:
            while (batch := self._take()) is not None:
                done = self._backbone(batch)
                self._done.put(done)
                if self._backbone.broken:
                    raise UsageError(f"{done.error}; the same command goes on with what is left")
        except BaseException as error:
            self._done.put(error)
        self._done.put(None)

    def _put(self, batch: Batch) -> bool:
        """False: nobody wants it any more."""
        while not self._stopped.is_set():
            try:
                self._decoded.put(batch, timeout=_POLL_S)
                return True
            except Full:
                continue
        return False

    def _take(self) -> Batch | None:
        """None: there are no more."""
        while not self._stopped.is_set():
            over = not any(thread.is_alive() for thread in self._decoders)
            try:
                return self._decoded.get(timeout=_POLL_S)
            except Empty:
                if over:  # before it was looked for, or one could have come between the two
                    return None
        return None
