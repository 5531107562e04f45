"""Frames per second of decord and of PyAV, on videos of many kinds made here and on files given.

    python tests/benchmarks/readers.py [FILES OR FOLDERS] [--repeats 5]

Three ways to the clips of contiguous32 (all frames, resized and cropped) take turns, each
repetition in another order: decord and PyAV through ``open_clips``, so in the reading process, and
PyAV in this process, which shows what the hand-over of clips costs.  A fourth and fifth way decode
only, in this process, frame by frame: what the two libraries alone can do; there CPU time alone is
compared, since decord uses a second thread.  A ratio is the median over repetitions of the ratio
within one.  Files that decord must not read are left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import decord
import numpy as np
import psutil

from extractors import get_protocol, look, open_clips
from extractors.clips.messages import OpenJob
from extractors.clips.source import open_source
from extractors.errors import ExtractorError
from extractors.readers import pyav_reader
from extractors.readers.container import Container
from extractors.readers.progress import unobserved, unremarked

PROTOCOL = get_protocol("contiguous32", fps="native")
MADE = {
    # kind: codec, width, height, frames
    "H.264 480p short": ("libx264", 854, 480, 64),
    "H.264 480p long": ("libx264", 854, 480, 1000),
    "H.264 720p short": ("libx264", 1280, 720, 64),
    "H.264 720p long": ("libx264", 1280, 720, 640),
    "H.264 1080p short": ("libx264", 1920, 1080, 64),
    "H.264 1080p long": ("libx264", 1920, 1080, 320),
    "HEVC 480p": ("libx265", 854, 480, 320),
    "HEVC 720p": ("libx265", 1280, 720, 160),
    "MPEG-4 480p": ("mpeg4", 854, 480, 640),
    "MPEG-4 720p": ("mpeg4", 1280, 720, 320),
}
QUICK = {
    "libx264": {"preset": "veryfast", "crf": "23"},
    "libx265": {"preset": "superfast", "x265-params": "log-level=none"},
    "mpeg4": {"qmin": "4", "qmax": "8"},
}


class Cost(NamedTuple):
    wall_s: float
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=list(MADE), default=list(MADE))
    options = parser.parse_args()
    decord.logging.set_level(decord.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        for name, path in [*made(Path(folder), options.kinds), *given(options.paths)]:
            container = look(path)
            if container.decord_unsafe is None:
                print(json.dumps(compare(name, container, options.repeats)), flush=True)


def made(folder: Path, kinds: list[str]) -> Iterator[tuple[str, Path]]:
    for name in kinds:
        codec, width, height, frames = MADE[name]
        path = folder / f"{name}.mp4"
        with av.open(str(path), "w") as file:
            stream = file.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.options = QUICK[codec]
            for picture in pictures(width, height, frames):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                file.mux(stream.encode(frame))
            file.mux(stream.encode())
        yield name, path


def pictures(width: int, height: int, frames: int) -> Iterator[np.ndarray]:
    """A camera that pans over a textured scene, with a little noise, and a bright moving body."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 8 + 40, width // 8 + 40, 3), np.uint8)
    scene = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    noise = rng.integers(0, 12, (4, height, width, 1), np.uint8)
    for index in range(frames):
        x, y = round(150 + 140 * np.sin(index / 40)), round(150 + 140 * np.cos(index / 55))
        picture = scene[y : y + height, x : x + width] // 4 * 3 + noise[index % 4]
        left = round((0.5 + 0.4 * np.sin(index / 12)) * (width - height // 3))
        picture[height // 3 : 2 * height // 3, left : left + height // 3] = 230
        yield picture


def given(paths: list[Path]) -> Iterator[tuple[str, Path]]:
    for path in paths:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            try:
                long_enough = look(file).frame_count >= PROTOCOL.clip_frames
            except ExtractorError:
                continue
            if long_enough:
                yield file.name, file


def compare(name: str, container: Container, repeats: int) -> dict[str, object]:
    """Frames per second; ratios above 1 where PyAV is faster, by the clock and by processor time,
    and of decoding alone; what the reading process costs."""
    path = container.path.resolve()
    frames = container.frame_count // PROTOCOL.clip_frames * PROTOCOL.clip_frames
    ways: dict[str, Callable[[], int]] = {
        "decord": lambda: sum(1 for _ in open_clips(path, PROTOCOL, reader="decord")),
        "pyav": lambda: sum(1 for _ in open_clips(path, PROTOCOL, reader="pyav")),
        "here": lambda: sum(1 for _ in clips_in_this_process(path)),
        "bare decord": lambda: decode_with_decord(path, container.frame_count),
        "bare pyav": lambda: decode_with_pyav(container),
    }
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    len(open_clips(path, PROTOCOL))  # its process has started
    for turn in range(repeats):
        order = list(ways)[turn % len(ways) :] + list(ways)[: turn % len(ways)]
        for way in order if turn % 2 else reversed(order):
            costs[way].append(timed(ways[way]))

    def ratio(slow: str, fast: str, field: str) -> float:
        pairs = zip(costs[slow], costs[fast], strict=True)
        return round(statistics.median(getattr(s, field) / getattr(f, field) for s, f in pairs), 2)

    def rate(way: str) -> float:
        return round(frames / statistics.median(cost.wall_s for cost in costs[way]))

    return {
        "file": f"{name} ({container.codec}, {container.width} x {container.height})",
        "frames": container.frame_count,
        "decord_frames_per_s": rate("decord"),
        "pyav_frames_per_s": rate("pyav"),
        "faster": ratio("decord", "pyav", "wall_s"),
        "faster_by_processor": ratio("decord", "pyav", "cpu_s"),
        "decoding_alone_by_processor": ratio("bare decord", "bare pyav", "cpu_s"),
        "through_process": ratio("pyav", "here", "wall_s"),
    }


def clips_in_this_process(path: Path) -> Iterator[np.ndarray]:
    job = OpenJob(str(path), "/", PROTOCOL, "pyav", None, None, 25.0)
    return open_source(job, unobserved).clips(30.0, lambda *_: None, unremarked, unobserved)


def decode_with_decord(path: Path, frames: int) -> int:
    reader = decord.VideoReader(str(path), num_threads=1)
    return sum(len(reader.next().asnumpy()) for _ in range(frames))


def decode_with_pyav(container: Container) -> int:
    frames = pyav_reader.read_with_pyav(container, range(container.frame_count))
    return sum(len(frame) for frame in frames)


def timed(work: Callable[[], int]) -> Cost:
    cpu_s, began = cpu_time_s(), time.perf_counter()
    assert work() > 0
    return Cost(time.perf_counter() - began, cpu_time_s() - cpu_s)


def cpu_time_s() -> float:
    """Of this process and of those below, living or waited for."""
    processes = [psutil.Process(), *psutil.Process().children()]
    return sum(sum(process.cpu_times()[:4]) for process in processes)


if __name__ == "__main__":
    main()
