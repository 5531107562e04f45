"""``score video.mp4`` from its start to its score against the sum of its parts.

    python tests/benchmarks/score_time.py [--backbone swin3d_t] [--seconds 180] [--rounds 1]

The parts, each measured alone: the command's own start and the model's work (``score`` of the same
routine's feature file), and the processor time of reading the video and of the backbone, divided by
the cores. ``cold`` converts the backbone first. 480x360 H.264 at 25 frames/s, random weights; the
model is trained on random features, which takes nothing from the time.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import torch
from against_script import COMMAND
from footage import write_footage

from aqa.data.features import FeatureFolder
from pipeline.extraction.folder.origin import feature_origin
from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.batch import Batch
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part
from pipeline.extraction.stages.spec import ExtractionSpec, make_spec
from pipeline.footage.videos import Video

TRAINED_ON = 12


def first_batch(spec: ExtractionSpec, video: Path) -> Batch:
    return next(iter(decode_batches(Part(Video("v", video)), spec)))


def train_on_random(place: Path, spec: ExtractionSpec, video: Path) -> Path:
    """A checkpoint bound to the spec's features; they themselves are random."""
    channels = FeatureExtractor(spec)(first_batch(spec, video)).features.shape[1]
    random = np.random.default_rng(0)
    folder, origin = FeatureFolder(place / "features"), feature_origin(spec)
    folder.write_origin(origin, {})
    with (place / "scores.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "score"])
        for number in range(TRAINED_ON):
            folder.save(f"v{number}", random.standard_normal((140, channels)), origin, {})
            rows.writerow([f"v{number}", float(number)])
    command = [COMMAND, "train", "--features", "features", "--labels", "scores.csv",
               "--output", "run"]  # fmt: skip
    subprocess.run(command, cwd=place, check=True, capture_output=True)
    return next((place / "run").rglob("model.pt"))


def processor_s(work: Callable[[], object]) -> float:
    """Of this process and of those that it has started."""

    def spent() -> float:
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    before = spent()
    work()
    return spent() - before


def backbone_s(spec: ExtractionSpec, video: Path, clips: int) -> float:
    """Processor seconds of all clips, from those of eight; one thread."""
    torch.set_num_threads(1)
    extractor = FeatureExtractor(spec)
    batch = first_batch(spec, video)
    extractor(batch)
    return processor_s(lambda: [extractor(batch) for _ in range(8)]) / 8 / batch.valid * clips


def measure(backbone: str, length_s: float, rounds: int) -> dict[str, object]:
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        models = {"AQA_MODELS_DIR": str(place / "models")}
        os.environ |= models
        video = write_footage(place / "video.mp4", length_s, 480, 360)
        spec = make_spec(
            architecture=backbone, weights="random", protocol="contiguous32", device="cpu"
        )
        checkpoint = train_on_random(place, spec, video)
        clips = int(length_s * 25 // 32)

        def score(name: str, path: Path) -> float:
            """In a folder of its own, so that nothing is kept from the time before."""
            (place / name).mkdir()
            command = [COMMAND, "score", str(path), "--checkpoint", str(checkpoint)]
            began = time.perf_counter()
            done = subprocess.run(
                command, cwd=place / name, env=os.environ, capture_output=True, text=True
            )
            if done.returncode:
                sys.exit(done.stderr)
            return time.perf_counter() - began

        (place / "models").rename(place / "converted")
        cold = score("cold", video)
        taken: dict[str, list[float]] = {"score": [], "start": [], "decoding": [], "backbone": []}
        for turn in range(rounds):
            taken["score"].append(score(f"s{turn}", video))
            taken["start"].append(score(f"f{turn}", place / "features" / "v0.npy"))
            taken["decoding"].append(
                processor_s(lambda: [None for _ in decode_batches(Part(Video("v", video)), spec)])
            )
            taken["backbone"].append(backbone_s(spec, video, clips))
    parts = {name: statistics.median(values) for name, values in taken.items()}
    whole = parts.pop("score")
    expected = parts["start"] + (parts["decoding"] + parts["backbone"]) / cores
    return {
        "backbone": backbone,
        "clips": clips,
        "score_s": round(whole, 1),
        "cold_s": round(cold, 1),
        "cores": cores,
        "parts_s": {name: round(value, 1) for name, value in parts.items()},
        "expected_s": round(expected, 1),
        "ratio": round(whole / expected, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backbone", default="swin3d_t")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(measure(options.backbone, options.seconds, options.rounds)))


if __name__ == "__main__":
    main()
