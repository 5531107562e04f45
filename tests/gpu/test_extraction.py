"""The backbone on a GPU, without Ray: its numbers, its repeats, and memory that is short."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result as CliResult
from quick import MINI, SPEC

from pipeline.extraction.runs.in_process import InProcess
from pipeline.extraction.runs.meter import Meter
from pipeline.extraction.runs.runner import Watch
from pipeline.extraction.stages.assembly import Finished
from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part
from pipeline.extraction.stages.spec import ExtractionSpec
from pipeline.footage.videos import Video
from pipeline.workspace.console import Console

pytestmark = pytest.mark.gpu
FLOAT32 = replace(SPEC, device="cuda")
BF16 = replace(FLOAT32, precision="bf16")


def extracted(videos: list[Video], spec: ExtractionSpec) -> dict[str, Finished]:
    watch = Watch(Meter(len(videos), 0), lambda: None, Console(quiet=True))
    return {video.id: video for video in InProcess(decoders=2)(videos, spec, watch)}


@pytest.fixture
def videos(routine_video: Callable[..., Path]) -> list[Video]:
    """One of less than a batch, one of more."""
    return [
        Video(name, routine_video(f"in/{name}.mp4", elements, elements))
        for name, elements in (("short", 5), ("long", 70))
    ]


def test_features_are_those_of_the_cpu(videos: list[Video], alone: Callable[..., Finished]) -> None:
    single, half = extracted(videos, FLOAT32), extracted(videos, BF16)
    for video in videos:
        expected = alone(video.path).features
        size = np.abs(expected).max()
        assert np.abs(single[video.id].features - expected).max() <= 1e-4 * size
        difference = np.abs(half[video.id].features - expected).max()
        assert 1e-6 * size < difference <= 0.05 * size


@pytest.mark.parametrize("spec", [FLOAT32, BF16], ids=["float32", "bf16"])
def test_a_video_has_the_same_bits_whatever_else_is_extracted(
    videos: list[Video], spec: ExtractionSpec
) -> None:
    together = extracted(videos, spec)
    for video in videos:
        (again,) = extracted([video], spec).values()
        assert again.features.tobytes() == together[video.id].features.tobytes()


def test_memory_that_is_short_for_one_batch_does_not_end_the_others(videos: list[Video]) -> None:
    extractor, (batch,) = FeatureExtractor(BF16), decode_batches(Part(videos[0]), BF16)
    good = extractor(batch)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        failed = extractor(batch)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert failed.error.startswith("backbone: OutOfMemoryError: CUDA out of memory")
    assert "\n" not in failed.error and not extractor.broken and not len(failed.features)
    assert extractor(batch).features.tobytes() == good.features.tobytes()


def test_a_gpu_is_used_without_being_asked_for(
    cli: Callable[..., CliResult], videos: list[Video]
) -> None:
    """One video, in this process, in bfloat16; what it was computed with is written down."""
    done = cli("extract", "--videos", videos[1].path, "--output", "out", *MINI)
    assert done.exit_code == 0, done.output
    assert "extracting in this process" in done.stdout
    versions = json.loads(Path("out/provenance.json").read_text())["versions"]
    assert (versions["device"], versions["precision"]) == ("cuda", "bf16")
    (expected,) = extracted([videos[1]], BF16).values()
    assert np.load("out/long.npy").tobytes() == expected.features.tobytes()
