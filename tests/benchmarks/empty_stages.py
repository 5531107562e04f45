"""The graph of an extraction with stages that do nothing: what is left is the handing over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.cluster.session import RayOptions, session
from pipeline.extraction.stages.spec import Row


def empty_rows(videos: int, rows: int, clips: int) -> Iterator[Row]:
    """Rows of ``videos`` videos of ``rows`` batches each, of ``clips`` clips; one decoder, one
    worker. A job for ``pipeline.cluster.driver.driven``."""
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    from pipeline.extraction.runs.graph import _set_up_data

    with session(RayOptions()) as ray:
        _set_up_data()
        yield from (
            ray.data.from_items([{"id": i} for i in range(videos)], override_num_blocks=videos)
            .flat_map(
                _decode,
                fn_kwargs={"rows": rows, "clips": clips},
                compute=TaskPoolStrategy(size=1),
                num_cpus=0.4,
            )
            .map(_Backbone, compute=ActorPoolStrategy(size=1), num_cpus=0.5)
            .iter_rows()
        )


def _decode(item: Row, rows: int, clips: int) -> Iterator[Row]:
    for index in range(rows):
        yield {"video": str(item["id"]), "batch": index, "batches": rows, "attempt": 0,
               "valid": clips, "total": rows * clips, "record": "{}", "error": "", "tried": "",
               "decode_s": 0.0, "clips": np.zeros((clips, 32, 224, 224, 3), np.uint8)}  # fmt: skip


class _Backbone:
    def __call__(self, row: Row) -> Row:
        clips = np.array(row.pop("clips"))  # the copy that a real one takes
        return row | {"features": np.zeros((len(clips), 1024), np.float32), "backbone_s": 0.0}
