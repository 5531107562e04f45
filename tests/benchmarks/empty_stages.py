"""The graph of an extraction with workers that do nothing, or only wait: what is left is what Ray
and the driver take."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.cluster.session import RayOptions, ray_session
from pipeline.extraction.runs.graph import ROW_CLIPS, in_one_stage
from pipeline.extraction.runs.meter import Width
from pipeline.extraction.stages.batch import Batch, joined

BATCH_CLIPS = 8  # of a GPU
CHANNELS = 1024


def empty_batches(videos: int, clips: int, workers: int, each: int, wait_s: float) -> Iterator[Any]:
    """Rows of ``videos`` videos of ``clips`` clips each, as the command gets them; a job for
    ``pipeline.cluster.driver.driven``. ``workers`` backbone workers, ``each`` of them as threads of
    one process, wait so long for a batch."""
    with ray_session(RayOptions()) as ray:
        rows = [{"id": str(number)} for number in range(videos)]
        processes = workers // each
        width = Width(decoders=2 * workers, workers=processes)
        # As many as are wanted, whatever this machine has.
        actor = {"num_cpus": min(0.5, ray.cluster_resources()["CPU"] / processes / 2)}
        args = (clips, each, wait_s)
        yield from map(Batch.from_row, in_one_stage(ray, rows, width, actor, _Waiting, *args))


class _Waiting:
    """``each`` backbone workers; beside each a decoder that hands over batches that are ready."""

    def __init__(self, clips: int, each: int, wait_s: float, readers: int) -> None:
        self._clips, self._wait_s = clips, wait_s
        self._backbones = threading.Semaphore(each)
        self._features = np.zeros((BATCH_CLIPS, CHANNELS), np.float32)

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for batch in joined(self._batches(row["id"]), ROW_CLIPS["cuda"]):
            yield batch.to_row()

    def _batches(self, video: str) -> Iterator[Batch]:
        for first in range(0, self._clips, BATCH_CLIPS):
            valid = min(BATCH_CLIPS, self._clips - first)
            began = time.perf_counter()
            with self._backbones:
                time.sleep(self._wait_s)
            yield Batch(video, first, valid=valid, total=self._clips, features=self._features,
                        record={}, backbone_s=self._wait_s,
                        decode_s=time.perf_counter() - began)  # fmt: skip
