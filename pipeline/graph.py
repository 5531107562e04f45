"""The Ray Data graph of extraction: videos -> decode tasks -> pool of backbone actors -> rows.

Ray only places and bounds the functions of :mod:`pipeline.stages`. Blocks are kept small, so that
the backbone starts on a video's first clips while the rest is still being decoded.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import native_stderr
from pipeline.errors import UsageError
from pipeline.inputs import Video
from pipeline.stages import ExtractionSpec, FeatureExtractor, Row, decode_batches

OBJECT_STORE_BYTES = 2**30
# About one batch per block, so that several workers share even one video.
BLOCK_BYTES = 8 * 2**20
MAX_INPUT_BLOCKS = 1000
KNOCK_S = 10.0
# Halves: with one backbone actor per core there is still room for decode tasks, on every node. An
# actor's part that left less than a decode task's would starve it, and the run would wait for ever.
DECODE_CPUS = 0.5
CPU_ACTOR_CPUS = 0.5


@dataclass(frozen=True)
class RayOptions:
    """Where the graph runs and how wide it is; ``None`` workers: one per GPU, or one per CPU."""

    address: str | None = None
    workers: int | None = None


def run_graph(videos: Sequence[Video], spec: ExtractionSpec, options: RayOptions) -> Iterator[Row]:
    """Feature rows of all videos, in any order, as they come. Starts Ray and stops it again."""
    with native_stderr.set_aside():
        ray = _start_ray(options.address)
        try:
            workers = _workers(ray.cluster_resources(), spec.device, options.workers)
            yield from _dataset(ray, videos, spec, workers).iter_rows()
        finally:
            ray.shutdown()


def _dataset(ray: Any, videos: Sequence[Video], spec: ExtractionSpec, workers: int) -> Any:
    from ray.data import ActorPoolStrategy

    # A worker's working directory is its node's, not ours.
    items = [{"id": video.id, "path": str(video.path.absolute())} for video in videos]
    actor = {"num_gpus": 1} if spec.device == "cuda" else {"num_cpus": CPU_ACTOR_CPUS}
    return (
        ray.data.from_items(items, override_num_blocks=min(len(items), MAX_INPUT_BLOCKS))
        .flat_map(_decode, fn_kwargs={"spec": spec}, num_cpus=DECODE_CPUS)
        .map(
            _BackboneActor,
            fn_constructor_args=(spec,),
            compute=ActorPoolStrategy(size=workers),
            **actor,
        )
    )


def _decode(item: dict[str, str], spec: ExtractionSpec) -> Iterator[Row]:
    return decode_batches(Video(item["id"], Path(item["path"])), spec)


class _BackboneActor(FeatureExtractor):
    def __init__(self, spec: ExtractionSpec) -> None:
        import torch

        torch.set_num_threads(1)
        super().__init__(spec)


def _start_ray(address: str | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None and "RAY_AUTH_MODE" not in os.environ:
        # Ray's ports are open to every user of the machine: an embedded one gets a token of its
        # own, and is told so, since Ray's default differs between versions. A cluster's mode is
        # whatever the user's environment says.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray
    from ray.data import DataContext

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is None:
            ray.init(
                "local", include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **quiet
            )
        else:
            _knock(address)
            ray.init(address, **quiet)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        what = f"join a Ray cluster at {address}" if address else "start Ray on this machine"
        raise UsageError(f"cannot {what}: {reason}") from None
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = BLOCK_BYTES
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="ray.data")
    return ray


def _knock(address: str) -> None:
    """OSError at once where nobody listens at ``host:port``; Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _workers(resources: dict[str, float], device: str, wanted: int | None) -> int:
    """One backbone worker per GPU, or per CPU; UsageError for more than there is room for."""
    if device == "cuda":
        room, what = int(resources.get("GPU", 0)), "GPUs"
        default = room
    else:
        cpus = resources.get("CPU", 0.0)
        room, what = int((cpus - DECODE_CPUS) / CPU_ACTOR_CPUS), "CPU workers"
        default = int(cpus)
    if room < (wanted or 1):
        raise UsageError(f"{wanted or 1} backbone workers wanted, Ray has room for {room} {what}")
    return wanted or default
