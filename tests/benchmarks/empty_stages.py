"""The graph of an extraction with stages that do nothing: what is left is the handing over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.cluster.session import RayOptions, ray_session
from pipeline.extraction.stages.batch import Batch


def empty_batches(videos: int, count: int, clips: int) -> Iterator[Batch]:
    """Of ``videos`` videos ``count`` batches each, of ``clips`` clips; one decoder, one worker.
    A job for ``pipeline.cluster.driver.driven``."""
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    from pipeline.extraction.runs.graph import _set_up_data

    with ray_session(RayOptions()) as ray:
        _set_up_data()
        rows = (
            ray.data.from_items([{"id": i} for i in range(videos)], override_num_blocks=videos)
            .flat_map(
                _decode,
                fn_kwargs={"count": count, "clips": clips},
                compute=TaskPoolStrategy(size=1),
                num_cpus=0.4,
            )
            .map(_Backbone, compute=ActorPoolStrategy(size=1), num_cpus=0.5)
            .iter_rows()
        )
        yield from map(Batch.from_row, rows)


def _decode(item: dict[str, Any], count: int, clips: int) -> Iterator[dict[str, Any]]:
    array = np.zeros((clips, 32, 224, 224, 3), np.uint8)
    for index in range(count):
        yield Batch(str(item["id"]), index=index, count=count, valid=clips, total=count * clips,
                    clips=array, record={}).to_row()  # fmt: skip


class _Backbone:
    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        batch = Batch.from_row(row)
        clips = np.array(batch.clips)  # the copy that a real one takes
        return batch.computed(np.zeros((len(clips), 1024), np.float32), 0.0).to_row()
