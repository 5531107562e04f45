"""How many backbone workers one driver keeps busy: 1 to 512 that only wait, on one machine.

    python tests/benchmarks/many_workers.py [--workers 1 8 64 512] [--clips 140] [--plot out.png]

A worker takes 22 ms for a batch of 8 clips, as a fast GPU does with ``swin3d_b``; its two readers
have batches ready at once, so that whatever a worker is not busy is due to Ray and its driver. Up
to 64 workers are processes of their own; 512 are threads of 16 processes, which share the machine
with the driver less unfairly than 512 processes would. ``busy`` is the waiting done against what
the workers had time for, between the tenth part of the videos and the last tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import psutil
from empty_stages import BATCH_CLIPS, empty_batches

from pipeline.cluster.driver import driven

WAIT_S = 0.022
PROCESSES = 64
THREADS = 32  # of a process, where workers are many to one


@dataclass(frozen=True)
class Point:
    """What one number of workers came to. ``driver``: cores that its process kept busy."""

    workers: int
    processes: int
    videos: int
    clips_per_s: float
    busy: float
    driver: float
    driver_ms_per_clip: float
    command_ms_per_clip: float


def measure(workers: int, clips: int, rounds: int) -> Point:
    """``rounds`` videos for each worker."""
    each = 1 if workers <= PROCESSES else THREADS
    videos = max(60, rounds * workers)
    first, last = videos // 10, videos - videos // 10
    marks: list[tuple[float, float, float]] = []
    me, driver = psutil.Process(), None
    jobs = driven(empty_batches, videos, clips, workers, each, WAIT_S, limit_s=900.0)
    for ended, batch in enumerate(jobs, 1):
        assert batch.valid == clips
        if driver is None:
            (driver,) = (p for p in me.children() if "pipeline.cluster.driver" in p.cmdline())
        if ended in (first, last):
            spent = (sum(p.cpu_times()[:2]) for p in (driver, me))
            marks.append((time.perf_counter(), *spent))
    (began, *before), (now, *after) = marks
    seconds, done = now - began, (last - first) * clips
    drove, commanded = (b - a for a, b in zip(before, after, strict=True))
    batches = (last - first) * -(-clips // BATCH_CLIPS)
    return Point(
        workers,
        workers // each,
        videos,
        round(done / seconds, 1),
        round(batches * WAIT_S / (seconds * workers), 3),
        round(drove / seconds, 2),
        round(drove / done * 1e3, 4),
        round(commanded / done * 1e3, 4),
    )


def plot(points: list[Point], path: Path) -> None:
    """Share of the time that the workers are busy, and the driver's core, over their number."""
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    workers = [point.workers for point in points]
    axes.plot(workers, [point.busy for point in points], "o-", label="workers busy")
    axes.plot(workers, [point.driver for point in points], "s--", label="driver, cores")
    axes.set_xscale("log", base=2)
    axes.set_xticks(workers, [str(count) for count in workers])
    axes.set(xlabel="backbone workers (22 ms for 8 clips)", ylim=(0, 1.1))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64, 512])
    parser.add_argument("--clips", type=int, default=140)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    search = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, search))
    points = []
    for workers in options.workers:
        points.append(measure(workers, options.clips, options.rounds))
        print(json.dumps(asdict(points[-1])), flush=True)
    if options.plot:
        plot(points, options.plot)


if __name__ == "__main__":
    main()
