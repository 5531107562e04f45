"""The Ray Data graph of extraction: videos -> decode tasks -> pool of backbone actors -> batches.

Ray only places and bounds the functions of ``pipeline.extraction.stages``. Blocks are kept small,
so that the backbone starts on a video's first clips while the rest is still being decoded. One task
reads one video: what Ray does again after a worker or a node has died is the videos that were being
read, never one that was complete by then. It takes a node for dead after some seconds; a video that
ends meanwhile may be read again, and what comes twice is dropped.
"""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pipeline.cluster import RayOptions
from pipeline.errors import UsageError, one_line
from pipeline.extraction.runs.meter import Width
from pipeline.extraction.stages import Batch, ExtractionSpec, FeatureExtractor, decode_batches
from pipeline.footage import Video
from pipeline.workspace import counted

# About one batch per block, so that several workers share even one video.
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
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    _set_up_data()
    resources = ray.cluster_resources()
    actor = (
        # Without a CPU of its own: else Ray sets one aside, and many actors would starve decoding.
        {"num_gpus": options.gpus_per_worker, "num_cpus": 0}
        if spec.device == "cuda"
        else {"num_cpus": CPU_ACTOR_CPUS}
    )
    rows = (
        ray.data.from_items([video.to_row() for video in videos], override_num_blocks=len(videos))
        .flat_map(
            _decode,
            fn_kwargs={"spec": spec},
            compute=TaskPoolStrategy(size=width.decoders),
            num_cpus=DECODE_CPUS[spec.device],
            **_only_on(DECODE_NODES, resources),
        )
        .map(
            _BackboneActor,
            fn_constructor_args=(spec,),
            compute=ActorPoolStrategy(size=width.workers),
            **actor,
            **_only_on(BACKBONE_NODES, resources),
        )
        .iter_rows()
    )
    return map(Batch.from_row, rows)


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
    for batch in decode_batches(Video.from_row(row), spec):
        yield replace(batch, decoded_on=node).to_row()


class BackboneUnavailableError(Exception):
    """A node cannot have the backbone at all: no video is at fault, and the run cannot go on."""


class _BackboneActor:
    """Builds its backbone at the first batch: an actor that fails while it starts is started again
    and again."""

    def __init__(self, spec: ExtractionSpec) -> None:
        self._spec = spec
        self._extractor: FeatureExtractor | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        import torch

        if self._extractor is None:
            torch.set_num_threads(1)
            try:
                self._extractor = FeatureExtractor(self._spec)
            except Exception as error:  # weights that are not on this node, a full GPU
                where = f"backbone on {socket.gethostname()}"
                raise BackboneUnavailableError(f"{where}: {one_line(error)}") from None
        if self._extractor.broken:
            os._exit(1)  # a GPU error sticks to its process: Ray starts another for this batch
        batch = self._extractor(Batch.from_row(row))
        return replace(batch, computed_on=_node()).to_row()


def _node() -> str:
    import ray

    return ray.get_runtime_context().get_node_id()


def _set_up_data() -> None:
    """Small blocks, and none of Ray Data's own progress and warnings."""
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = BLOCK_BYTES
    context.execution_no_progress_timeout_s = -1  # our own watch: pipeline.cluster.driver
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised as well
    warnings.filterwarnings("ignore", module="ray.data")
