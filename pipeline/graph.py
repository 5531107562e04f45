"""The Ray Data graph of extraction: videos -> decode tasks -> pool of backbone actors -> rows.

Ray only places and bounds the functions of :mod:`pipeline.stages`. Blocks are kept small, so that
the backbone starts on a video's first clips while the rest is still being decoded.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.console import counted
from pipeline.errors import UsageError
from pipeline.inputs import Video
from pipeline.ray_session import RayOptions, session
from pipeline.stages import ExtractionSpec, FeatureExtractor, Row, decode_batches

# About one batch per block, so that several workers share even one video.
BLOCK_BYTES = 8 * 2**20
MAX_INPUT_BLOCKS = 1000
# Not the same for both, or Ray fuses them into one stage that does not overlap. At most a core
# together: with one backbone actor per core there is still room for decode tasks, on every node. An
# actor's part that left less than a decode task's would starve it, and the run would wait for ever.
DECODE_CPUS = 0.4
CPU_ACTOR_CPUS = 0.5


def run_graph(videos: Sequence[Video], spec: ExtractionSpec, options: RayOptions) -> Iterator[Row]:
    """Feature rows of all videos, in any order, as they come. Starts Ray and stops it again."""
    with session(options.address) as ray:
        _set_up_data()
        workers = _workers(ray.cluster_resources(), spec.device, options.workers)
        yield from _dataset(ray, videos, spec, workers).iter_rows()


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


def _set_up_data() -> None:
    """Small blocks, and none of Ray Data's own progress and warnings."""
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = BLOCK_BYTES
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="ray.data")


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
        asked = counted(wanted or 1, "backbone worker")
        raise UsageError(f"{asked} wanted, Ray has room for {room} {what}")
    return wanted or default
