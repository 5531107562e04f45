"""The Ray Data graph of extraction: parts of videos -> pool of workers -> features.

Ray only places, bounds and repeats the functions of ``pipeline.extraction.stages``. One task is one
part of a video, a whole one where there are many: its worker has it read by processes of its own,
several parts at once where one reader cannot keep it busy, and gives features. So no frame passes
Ray's object store, and what Ray's driver does per task it does for all clips of a part.

Where nodes are set aside for reading or for the backbone, and where fewer videos are to be read at
once than there are workers, there are two stages: parts -> decode tasks -> pool of backbone
workers. Their blocks are kept small, so that the backbone starts on a video's first clips while the
rest is still being decoded.

What Ray does again after a worker or a node has died is the parts that were being read, never one
that was complete by then. It takes a node for dead after some seconds; a video that ends meanwhile
may be read again, and what comes twice is dropped.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from pipeline.cluster import RayOptions
from pipeline.errors import UsageError, one_line
from pipeline.extraction.runs.meter import Width
from pipeline.extraction.stages import (
    Batch,
    ExtractionSpec,
    FeatureExtractor,
    Part,
    decode_batches,
    divided,
    joined,
)
from pipeline.footage import Video
from pipeline.workspace import counted

# Clips whose features travel together: on a CPU some seconds of work, so that one sees it go on.
ROW_CLIPS = {"cpu": 8, "cuda": 256}
AHEAD = 1  # parts that a worker has opened beside those that it reads: no pause between two
# Two stages: about one batch per block, so that several workers share even one video.
BLOCK_BYTES = 8 * 2**20
# On a CPU not the same for both, or Ray fuses them into one stage that does not overlap. At most a
# core together: with one backbone actor per core there is still room for decode tasks, on every
# node. An actor's part that left less than a decode task's would starve it, and the run would wait
# for ever.
DECODE_CPUS = {"cpu": 0.4, "cuda": 1.0}
CPU_ACTOR_CPUS = 0.5
# Nodes that were started with these custom resources are the only ones to do that stage.
DECODE_NODES, BACKBONE_NODES = "aqa_decode", "aqa_backbone"
_A_LITTLE = 1e-3


def feature_batches(
    ray: Any, videos: Sequence[Video], spec: ExtractionSpec, options: RayOptions, width: Width
) -> Iterator[Batch]:
    """Batches with features of all videos, in any order, as they come."""
    resources = ray.cluster_resources()
    actor = (
        # Without a CPU of its own: else Ray sets one aside, and many actors would starve decoding.
        {"num_gpus": options.gpus_per_worker, "num_cpus": 0}
        if spec.device == "cuda"
        else {"num_cpus": CPU_ACTOR_CPUS}
    )
    actor |= _only_on(BACKBONE_NODES, resources)
    parts = divided(videos, min(width.decoders, width.workers))
    apart = {DECODE_NODES, BACKBONE_NODES} & resources.keys()
    if apart or width.decoders < width.workers:
        decode = {"num_cpus": DECODE_CPUS[spec.device]} | _only_on(DECODE_NODES, resources)
        rows = _in_two_stages(ray, parts, spec, width, decode, actor)
    else:
        rows = in_one_stage(ray, [part.to_row() for part in parts], width, actor, PartWorker, spec)
    return map(Batch.from_row, rows)


def in_one_stage(
    ray: Any,
    parts: Sequence[dict[str, Any]],
    width: Width,
    actor: dict[str, Any],
    worker: type,
    *arguments: object,
) -> Iterator[dict[str, Any]]:
    """The rows that ``worker(*arguments, readers)`` gives for those of ``parts``; ``actor``: what
    one takes of a node."""
    from ray.data import ActorPoolStrategy

    _set_up_data(block_bytes=1)  # each row goes at once
    readers = -(-width.decoders // width.workers)
    pool = ActorPoolStrategy(
        size=width.workers,
        max_concurrent_calls_per_actor=readers + AHEAD,
        max_tasks_in_flight_per_actor=readers + AHEAD,
        enable_true_multi_threading=True,
    )
    return (
        _items(ray, parts)
        .flat_map(worker, fn_constructor_args=(*arguments, readers), compute=pool, **actor)
        .iter_rows()
    )


def _in_two_stages(
    ray: Any,
    parts: Sequence[Part],
    spec: ExtractionSpec,
    width: Width,
    decode: dict[str, Any],
    actor: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    _set_up_data(BLOCK_BYTES)
    readers, workers = TaskPoolStrategy(size=width.decoders), ActorPoolStrategy(size=width.workers)
    return (
        _items(ray, [part.to_row() for part in parts])
        .flat_map(_decode, fn_kwargs={"spec": spec}, compute=readers, **decode)
        .map(_BackboneActor, fn_constructor_args=(spec,), compute=workers, **actor)
        .iter_rows()
    )


def _items(ray: Any, rows: Sequence[dict[str, Any]]) -> Any:
    return ray.data.from_items(list(rows), override_num_blocks=len(rows))


def choose_width(ray: Any, device: str, options: RayOptions) -> Width:
    """One backbone worker per GPU, or per CPU, and a decoder per CPU, of the nodes that may do that
    stage; UsageError for more workers than there is room for."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus = sum(node.get("CPU", 0.0) for node in _allowed(BACKBONE_NODES, nodes))
    decoders = sum(node.get("CPU", 0.0) for node in _allowed(DECODE_NODES, nodes))
    if device == "cuda":
        gpus = [node.get("GPU", 0.0) for node in _allowed(BACKBONE_NODES, nodes)]
        room = default = sum(int(count / options.gpus_per_worker + 1e-9) for count in gpus)
        what = "GPU workers"
    else:
        room, what = int((cpus - DECODE_CPUS["cpu"]) / CPU_ACTOR_CPUS), "CPU workers"
        default = int(cpus)
    if room < (options.workers or 1):
        asked = counted(options.workers or 1, "backbone worker")
        raise UsageError(f"{asked} wanted, Ray has room for {room} {what}")
    return Width(options.decoders or max(1, int(decoders)), options.workers or max(1, default))


def _allowed(name: str, nodes: list[dict[str, float]]) -> list[dict[str, float]]:
    return [node for node in nodes if name in node] or nodes


def _only_on(name: str, resources: dict[str, float]) -> dict[str, dict[str, float]]:
    return {"resources": {name: _A_LITTLE}} if name in resources else {}


def _decode(row: dict[str, Any], spec: ExtractionSpec) -> Iterator[dict[str, Any]]:
    node = _node()
    for batch in decode_batches(Part.from_row(row), spec):
        yield replace(batch, decoded_on=node).to_row()


class BackboneUnavailableError(Exception):
    """A node cannot have the backbone at all: no video is at fault, and the run cannot go on."""


class _Backbone:
    """Built at the first batch: an actor that fails while it starts is started again and again."""

    def __init__(self, spec: ExtractionSpec) -> None:
        self._spec = spec
        self._extractor: FeatureExtractor | None = None
        self._one_at_a_time = threading.Lock()

    def computed(self, batch: Batch) -> Batch:
        import torch

        with self._one_at_a_time:
            torch.set_num_threads(1)  # of this thread: OpenMP counts them for each
            if self._extractor is None:
                try:
                    self._extractor = FeatureExtractor(self._spec)
                except Exception as error:  # weights that are not on this node, a full GPU
                    where = f"backbone on {socket.gethostname()}"
                    raise BackboneUnavailableError(f"{where}: {one_line(error)}") from None
            if self._extractor.broken:
                os._exit(1)  # a GPU error sticks to its process: Ray starts another for this batch
            return replace(self._extractor(batch), computed_on=_node())


class _BackboneActor(_Backbone):
    """The second of two stages."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return self.computed(Batch.from_row(row)).to_row()


class PartWorker(_Backbone):
    """Reads parts of videos and computes their features: ``readers`` of them at once, and one more
    is opened ahead."""

    def __init__(self, spec: ExtractionSpec, readers: int) -> None:
        super().__init__(spec)
        self._turns = threading.Semaphore(readers)

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with closing(decode_batches(Part.from_row(row), self._spec)) as batches:
            opened = list(islice(batches, 1))
            with self._turns:
                features = (self._done(batch) for batch in chain(opened, batches))
                for batch in joined(features, ROW_CLIPS[self._spec.device]):
                    yield batch.to_row()

    def _done(self, batch: Batch) -> Batch:
        return replace(self.computed(batch), decoded_on=_node())


def _node() -> str:
    import ray

    return ray.get_runtime_context().get_node_id()


def _set_up_data(block_bytes: int) -> None:
    """Blocks of about this size, and none of Ray Data's own progress and warnings."""
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = block_bytes
    context.execution_no_progress_timeout_s = -1  # our own watch: pipeline.cluster.driver
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised as well
    warnings.filterwarnings("ignore", module="ray.data")
