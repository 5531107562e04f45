"""What Ray Serve runs: backbones, one for each GPU or core, and the models that assess features.

A backbone replica reads parts of videos in processes that may die, as an extraction's workers do,
and sends features back as they come. Requests are not batched together: a routine fills a GPU's
batches by itself, and on a CPU one clip at a time is quickest and always gives the same bits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cluster import usable_cpus
from pipeline.extraction import ExtractionSpec, PartWorker
from pipeline.serving.assessing import Assessing
from pipeline.serving.options import ServeOptions


@dataclass(frozen=True)
class Replicas:
    """Handles of the two deployments; how many replicas the first has, and how many parts of videos
    these take at once."""

    backbone: Any
    assessor: Any
    backbones: int
    at_once: int


class Backbone:
    """Features of parts of videos."""

    def __init__(self, spec: ExtractionSpec, readers: int) -> None:
        self._worker = PartWorker(spec, readers)

    async def extract(self, row: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Rows of batches with features of the part in ``row``, as they come."""
        loop, rows, stopped = asyncio.get_running_loop(), asyncio.Queue(), threading.Event()

        def give(item: Any) -> None:
            loop.call_soon_threadsafe(rows.put_nowait, item)

        def work() -> None:
            try:
                for batch in self._worker(row):
                    give(batch)
                    if stopped.is_set():
                        break
            except BaseException as error:
                give(error)
            give(None)

        threading.Thread(target=work, daemon=True).start()
        try:
            while (item := await rows.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()


class Assessor:
    """Scores and pages of features that are there; results go to the server's folder."""

    def __init__(self, checkpoints: Sequence[Path], folder: Path) -> None:
        self._assessing = Assessing(checkpoints, folder)

    async def finish(self, digest: str, command: str) -> dict[str, float]:
        return await asyncio.to_thread(self._assessing.finish, digest, command)

    async def compare(self, names: dict[str, str], align: str) -> dict[str, Any]:
        return await asyncio.to_thread(self._assessing.compare, names, align)


def deploy(ray: Any, app: str, options: ServeOptions, spec: ExtractionSpec) -> Replicas:
    """The replicas started, or taken over from a server of this name that is gone. Their processes
    come up one by one: work goes to those that are there."""
    from ray import serve

    count, actor, readers = _width(ray, options, spec.device)
    at_once = readers + 1  # one part is opened beside those that are read
    serve.start(http_options={"location": "NoServer"})
    common = {
        "health_check_period_s": 5,
        "graceful_shutdown_timeout_s": 0.5,  # what is cut off is done again
        "logging_config": {"enable_access_log": False},
    }
    backbone = serve.deployment(Backbone).options(
        name="backbone",
        num_replicas=count,
        ray_actor_options=actor,
        max_ongoing_requests=at_once,
        **common,
    )
    assessor = serve.deployment(Assessor).options(
        name="assessor", ray_actor_options={"num_cpus": 0}, max_ongoing_requests=4, **common
    )
    checkpoints = tuple(path.absolute() if path.exists() else path for path in options.checkpoints)
    return Replicas(
        serve.run(backbone.bind(spec, readers), name=f"{app}-backbone", route_prefix=None),
        serve.run(
            assessor.bind(checkpoints, options.folder), name=f"{app}-assessor", route_prefix=None
        ),
        count,
        count * at_once,
    )


def remove(app: str) -> None:
    """From a cluster that goes on without it."""
    from ray import serve

    for part in ("backbone", "assessor"):
        serve.delete(f"{app}-{part}")


def _width(ray: Any, options: ServeOptions, device: str) -> tuple[int, dict[str, float], int]:
    """Backbone replicas, what one takes of a node, and parts that one reads at once."""
    resources = ray.cluster_resources()
    cpus = int(resources.get("CPU", usable_cpus()))
    if device == "cuda":
        share = options.ray.gpus_per_worker
        count = options.ray.workers or max(1, int(resources.get("GPU", 1.0) / share + 1e-9))
        return count, {"num_gpus": share, "num_cpus": 0}, max(1, cpus // count)
    return options.ray.workers or max(1, cpus), {"num_cpus": 1}, 1
