"""What an extraction costs: decoding alone, the backbone alone, both through Ray, handing over.

    python tests/benchmarks/extract_rate.py [--videos 8] [--rounds 3] [--footage DIR]
    python tests/benchmarks/extract_rate.py --device cuda --backbone swin3d_b --decoders 14

In turns, in one run: one decoder alone, one backbone worker alone (one thread), and ``extract``
with one of each (``--decoders``: more of the one), on two cores; its rate is that from the first
clips to the last, against the slower of the two alone, median and range of the rounds. Then the
same graph with workers that do nothing: what a clip costs each part in milliseconds of processor
time, and so what one driver can feed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from empty_stages import empty_batches
from footage import write_footage

from aqa.data.features import FeatureFolder
from pipeline.cluster.driver import driven
from pipeline.cluster.session import RayOptions
from pipeline.extraction.folder.origin import feature_origin
from pipeline.extraction.runs.meter import Meter
from pipeline.extraction.runs.runner import Watch
from pipeline.extraction.runs.supervise import OnRay
from pipeline.extraction.stages.assembly import Assembly
from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part
from pipeline.extraction.stages.spec import ExtractionSpec, make_spec
from pipeline.footage.videos import Video
from pipeline.workspace.console import Console

# Cheaper than swin3d_mini: a clip takes the backbone about as long as the decoder.
BACKBONE = {
    "embed_dim": 12,
    "depths": [1, 1],
    "num_heads": [1, 2],
    "patch_size": [4, 8, 8],
    "window_size": [4, 7, 7],
}
PROTOCOL = "contiguous32"


def decode_alone(videos: list[Video], spec: ExtractionSpec) -> float:
    began, clips = time.perf_counter(), 0
    for video in videos:
        clips += sum(batch.valid for batch in decode_batches(Part(video), spec))
    return clips / (time.perf_counter() - began)


def backbone_alone(video: Video, spec: ExtractionSpec, clips: int) -> float:
    import torch

    torch.set_num_threads(1)
    extractor = FeatureExtractor(spec)
    batch = next(iter(decode_batches(Part(video), spec)))
    extractor(batch)
    began, done = time.perf_counter(), 0
    while done < clips:
        extractor(batch)
        done += batch.valid
    return done / (time.perf_counter() - began)


def end_to_end(videos: list[Video], spec: ExtractionSpec, decoders: int) -> tuple[float, str]:
    """Clips per second between the first batch and the last, features written; the summary."""
    meter = Meter(len(videos), 0)
    stamps: list[float] = []
    with tempfile.TemporaryDirectory() as out:
        folder, origin = FeatureFolder(out), feature_origin(spec)
        run = OnRay(RayOptions(workers=1, decoders=decoders))
        watch = Watch(meter, lambda: stamps.append(time.perf_counter()), Console(quiet=True))
        for video in run(videos, spec, watch):
            folder.save(video.id, video.features, origin, video.record)
            meter.ended(video.id, failed=bool(video.error))
    return (meter.clips - spec.batch_clips) / (stamps[-1] - stamps[0]), meter.summary()


def handing_over(videos: int, clips: int) -> dict[str, float]:
    """Milliseconds per clip, of videos with so many: of processor time of the command, the driver,
    the worker and Ray itself, and of the clock."""
    assembly, ledger, done, ended = Assembly(), None, 0, 0
    for batch in driven(empty_batches, videos, clips, 1, 1, 0.0, limit_s=600.0):
        ended += assembly.add(batch) is not None
        if ledger is None:
            ledger, began = Ledger(), time.perf_counter()
        else:
            done += batch.valid
        if ended % 50 == 0:
            ledger.update()
            wall = time.perf_counter() - began
    return {part: s / done * 1e3 for part, s in ledger.seconds().items()} | {
        "wall": wall / done * 1e3
    }


class Ledger:
    """Processor seconds of this process and those below it, by what they do; from now on."""

    def __init__(self) -> None:
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._part: dict[int, str] = {}
        self.update()
        self._first = dict(self._last)

    def update(self) -> None:
        me = psutil.Process()
        for process in (me, *me.children(recursive=True)):
            try:
                title, times = " ".join(process.cmdline()), process.cpu_times()
            except psutil.Error:
                continue
            self._last[process.pid] = times.user + times.system
            if process == me:
                self._part[process.pid] = "command"
            elif "pipeline.cluster.driver" in title:
                self._part[process.pid] = "driver"
            elif "MapWorker" in title:
                self._part[process.pid] = "worker"

    def seconds(self) -> dict[str, float]:
        total = dict.fromkeys(("command", "driver", "worker", "ray"), 0.0)
        for pid, last in self._last.items():
            total[self._part.get(pid, "ray")] += last - self._first.get(pid, 0.0)
        return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--footage", type=Path, default=Path("runs/footage"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", help="default: bf16 on a GPU")
    parser.add_argument("--backbone", default=BACKBONE)
    parser.add_argument("--decoders", type=int, default=1)
    parser.add_argument("--clips", type=int, nargs="+", default=[45, 140, 187])
    parser.add_argument(
        "--empty", type=int, default=400, help="videos of which nothing is computed"
    )
    options = parser.parse_args()
    # empty_stages, for the other processes
    search = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, search))
    path = write_footage(options.footage / "360p-60s.mp4", 60.0, 640, 360)
    videos = [Video(f"v{number}", path) for number in range(options.videos)]
    spec = make_spec(
        architecture=options.backbone,
        weights="random",
        protocol=PROTOCOL,
        device=options.device,
        precision=options.precision,
    )
    rates: dict[str, list[float]] = {"decode": [], "backbone": [], "both": []}
    for _ in range(options.rounds):
        rates["decode"].append(decode_alone(videos[:2], spec))
        rates["backbone"].append(backbone_alone(videos[0], spec, max(92, 60 * spec.batch_clips)))
        rate, summary = end_to_end(videos, spec, options.decoders)
        rates["both"].append(rate)
        print(summary, file=sys.stderr, flush=True)
    medians = {name: round(statistics.median(each), 2) for name, each in rates.items()}
    ratios = [
        through / min(alone)
        for *alone, through in zip(rates["decode"], rates["backbone"], rates["both"], strict=True)
    ]
    spread = {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}
    print(json.dumps(medians | {name: round(ratio, 2) for name, ratio in spread.items()}))
    for clips in options.clips:
        costs = handing_over(options.empty, clips)
        print(json.dumps({"clips": clips} | {part: round(ms, 4) for part, ms in costs.items()}))


if __name__ == "__main__":
    main()
