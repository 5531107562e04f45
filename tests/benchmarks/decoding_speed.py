"""Reading and preparing frames against the published chain, on one and the same core, in turns.

    python tests/benchmarks/decoding_speed.py [--seconds 40] [--rounds 3]

The published chain is the one of ``usual_script``: OpenCV reads, PIL and torchvision prepare, to a
normalised float tensor. Ours is ``open_clips``, its reading process included, to the same tensor.
On 720p H.264 and a folder of 720p JPEG images; the folder also in two parts on two cores. Then the
shares of one core that each step of ours takes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from footage import write_footage
from PIL import Image
from usual_script import PREPARE

from extractors import get_protocol, normalise, open_clips
from extractors.clips import process as reading
from extractors.preprocess import prepare_frame
from extractors.readers import list_frames, look, read_image
from extractors.readers.opening import open_video
from extractors.readers.packets import demuxed

PROTOCOL = get_protocol("contiguous32")


def of_video(path: Path) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    while (got := capture.read())[0]:
        yield got[1]


def of_folder(path: Path) -> Iterator[np.ndarray]:
    for image in sorted(path.iterdir()):
        yield cv2.imread(str(image))


def published(frames: Iterator[np.ndarray]) -> int:
    """Frames that it read and prepared, 32 to a tensor."""
    count, clip = 0, []
    for frame in frames:
        clip.append(PREPARE(Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))))
        if len(clip) == PROTOCOL.clip_frames:
            count += torch.stack(clip, 1)[None].shape[2]
            clip = []
    return count


def ours(path: Path, number: int = 0, of: int = 1) -> int:
    with open_clips(path, PROTOCOL) as stream:
        first, stop = (len(stream) * part // of for part in (number, number + 1))
        clips = stream.clips(first, stop)
        return sum(normalise(torch.from_numpy(clip[None]), PROTOCOL).shape[2] for clip in clips)


def in_two(path: Path) -> int:
    counts: list[int] = []
    readers = [
        threading.Thread(target=lambda part=part: counts.append(ours(path, part, 2)))
        for part in range(2)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return sum(counts)


def frames_per_s(work: Callable[[], int], cores: int) -> float:
    """On so many cores, processes that it starts included."""
    allowed = os.sched_getaffinity(0)
    keep_to(set(sorted(allowed)[:cores]))
    reading.end_resting_process()  # another one, which inherits the cores
    try:
        work()  # everything is started and in memory
        began = time.perf_counter()
        return work() / (time.perf_counter() - began)
    finally:
        keep_to(allowed)


def keep_to(cores: set[int]) -> None:
    """All threads that there are, one of which starts the reading processes."""
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # it has ended since
            os.sched_setaffinity(int(thread), cores)


def shares(video: Path, images: Path) -> dict[str, dict[str, float]]:
    """Milliseconds a frame of each step alone, in this process."""

    def each(steps: int, work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return round((time.perf_counter() - began) / steps * 1e3, 2)

    container = look(video)
    count = container.frame_count
    with open_video(video, container.stream) as (file, stream):
        demux = each(count, lambda: [None for _ in demuxed(file, stream)])
    with av.open(str(video)) as file:
        file.streams.video[0].thread_count = 1
        decode = each(count, lambda: [None for _ in file.decode(video=0)])
    with av.open(str(video)) as file:
        frame = next(file.decode(video=0))
    pixels = frame.to_ndarray(format="rgb24")
    clip = np.zeros((1, *PROTOCOL.clip_shape), np.uint8)
    many = range(100)
    files = list_frames(images).images[:100]
    common = {
        "resize and crop": each(100, lambda: [prepare_frame(pixels, PROTOCOL) for _ in many]),
        "normalise": each(
            320, lambda: [normalise(torch.from_numpy(clip), PROTOCOL) for _ in range(10)]
        ),
    }
    return {
        "video": {
            "demux": demux,
            "decode": round(decode - demux, 2),
            "colour conversion": each(
                100, lambda: [frame.to_ndarray(format="rgb24") for _ in many]
            ),
            **common,
        },
        "images": {"decode": each(len(files), lambda: [read_image(file) for file in files])}
        | common,
    }


def measure(length_s: float, rounds: int) -> dict[str, object]:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        video = write_footage(Path(folder) / "720p.mp4", length_s, 1280, 720)
        images = Path(folder) / "images"
        images.mkdir()
        for index, frame in enumerate(of_video(video)):
            cv2.imwrite(str(images / f"{index:06}.jpg"), frame)
        ways: dict[str, tuple[Callable[[], int], int]] = {
            "published, video": (lambda: published(of_video(video)), 1),
            "ours, video": (lambda: ours(video), 1),
            "bare decoder, video": (lambda: bare(video), 1),
            "published, images": (lambda: published(of_folder(images)), 1),
            "ours, images": (lambda: ours(images), 1),
            "ours, images, two cores": (lambda: in_two(images), 2),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (work, cores) in ways.items():
                rates[name].append(frames_per_s(work, cores))
        step_ms = shares(video, images)
    median = {name: statistics.median(values) for name, values in rates.items()}

    def ratio(name: str, kind: str) -> float:
        pairs = zip(rates[name], rates[f"published, {kind}"], strict=True)
        return round(statistics.median(one / other for one, other in pairs), 2)

    return {
        "frames_per_s": {name: round(rate, 1) for name, rate in median.items()},
        "video": ratio("ours, video", "video"),
        "bare": ratio("bare decoder, video", "video"),
        "images": ratio("ours, images", "images"),
        "images_two_cores": ratio("ours, images, two cores", "images"),
        "step_ms": step_ms,
    }


def bare(path: Path) -> int:
    with av.open(str(path)) as file:
        file.streams.video[0].thread_count = 1
        return sum(1 for _ in file.decode(video=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(json.dumps(measure(options.seconds, options.rounds), indent=1))


if __name__ == "__main__":
    main()
