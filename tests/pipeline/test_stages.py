"""Batches, rows and their assembly, without Ray."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.extraction.runs.in_process import extract_rows
from pipeline.extraction.stages.spec import (
    Assembly,
    ExtractionSpec,
    FeatureExtractor,
    Finished,
    decode_batches,
)
from pipeline.footage.videos import Video

SPEC = ExtractionSpec("swin3d_mini", "random", "mini16x112", "cpu")


def rows_of(video: str, batches: int, attempt: int = 0, channels: int = 3) -> list[dict]:
    return [
        {
            "video": video,
            "batch": index,
            "batches": batches,
            "attempt": attempt,
            "valid": 2 if index < batches - 1 else 1,
            "features": np.full((2, channels), index, np.float32),
            "record": json.dumps({"n": index}),
            "error": "",
            "tried": "",
        }
        for index in range(batches)
    ]


def test_assembly_orders_whatever_comes_and_drops_padding() -> None:
    assembly = Assembly()
    rows = rows_of("v", 3)
    assert assembly.add(rows[2]) is None
    assert assembly.add(rows[0]) is None
    assert assembly.add(rows[0]) is None  # delivered twice
    finished = assembly.add(rows[1])
    assert finished is not None
    assert finished.features[:, 0].tolist() == [0, 0, 1, 1, 2]
    assert finished.record == {"n": 2}


def test_assembly_ends_a_video_once() -> None:
    assembly = Assembly()
    first, second = rows_of("v", 2)
    failed = first | {"error": "damaged", "tried": '["pyav"]'}
    assert assembly.add(failed) == Finished("v", None, {}, "damaged", ("pyav",))
    assert assembly.add(second) is None
    (only,) = rows_of("w", 1)
    assert assembly.add(only) is not None
    assert assembly.add(only) is None


def test_a_later_attempt_replaces_an_earlier_one_whatever_comes_first() -> None:
    assembly = Assembly()
    earlier, later = rows_of("v", 3), rows_of("v", 2, attempt=1)
    assert assembly.add(earlier[0]) is None
    assert assembly.add(later[1]) is None
    assert assembly.add(earlier[1]) is None
    assert assembly.add(earlier[2]) is None
    finished = assembly.add(later[0])
    assert finished is not None and finished.features[:, 0].tolist() == [0, 0, 1]


def test_every_batch_has_one_shape_and_the_same_rows_come_twice(
    routine_video: Callable[..., Path],
) -> None:
    video = Video("v", routine_video("v.mp4", elements=9))
    spec = ExtractionSpec("swin3d_mini", "random", "mini16x112", "cpu")
    rows = list(decode_batches(video, spec))
    assert spec.batch_clips == 8
    assert [(row["valid"], len(row["clips"])) for row in rows] == [(8, 8), (1, 8)]
    assert {(row["batches"], row["total"]) for row in rows} == {(2, 9)}
    for row, again in zip(rows, decode_batches(video, spec), strict=True):
        assert np.array_equal(row.pop("clips"), again.pop("clips"))
        assert row.pop("decode_s") > 0 and again.pop("decode_s") > 0
        assert row == again
    assert json.loads(row["record"])["clip_start_s"] == pytest.approx([0.64 * c for c in range(9)])


def test_frames_are_taken_at_the_rate_of_the_video(frames: Path) -> None:
    """50 images at 50 frames/s last a second: one clip of 16 at 25 frames/s, its ends dropped."""
    (row,) = decode_batches(Video("v", frames, frame_rate=50), SPEC)
    record = json.loads(row["record"])
    assert (record["kind"], record["fps"], record["duration_s"]) == ("frames", 50, 1)
    assert record["clip_start_s"] == pytest.approx([0.16])
    (row,) = decode_batches(Video("v", frames), SPEC)
    assert json.loads(row["record"])["fps"] == 25 and row["valid"] == 3


def test_a_bad_video_is_a_row_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    (row,) = decode_batches(Video("text", path), SPEC)
    assert "text.mp4" in row["error"] and "\n" not in row["error"]
    reason = row["error"]
    passed_on = FeatureExtractor(SPEC)(row)
    assert passed_on["error"] == reason and not passed_on["features"].any()


def test_damage_is_a_failure_that_says_what_is_good(damaged: Path) -> None:
    *_, last = decode_batches(Video("v", damaged), SPEC)
    assert re.search(r"damaged.mp4: damaged: .*; the first [\d.]+ s are good", last["error"])
    assert json.loads(last["tried"]) == ["pyav"]


def test_salvage_takes_what_is_before_the_damage(damaged: Path) -> None:
    """The features are those of the whole video, cut where the damage begins."""
    extractor, spec = FeatureExtractor(SPEC), replace(SPEC, salvage=True)

    def features(path: Path, spec: ExtractionSpec) -> Finished:
        assembly = Assembly()
        rows = [extractor(row) for row in decode_batches(Video("v", path), spec)]
        (finished,) = [done for row in rows if (done := assembly.add(row)) is not None]
        assert not finished.error
        return finished

    salvaged = features(damaged, spec)
    good_s = salvaged.record["salvaged"]["good_s"]
    assert 5 < good_s < 10
    assert salvaged.record["clip_end_s"][-1] <= good_s + 1e-3
    whole = features(damaged.parents[1] / "whole.mp4", replace(SPEC, end_s=good_s))
    assert salvaged.features.tobytes() == whole.features.tobytes()
    assert "salvaged" not in whole.record


def test_bf16_is_near_to_float32(routine_video: Callable[..., Path]) -> None:
    (row,) = decode_batches(Video("v", routine_video("v.mp4", elements=8)), SPEC)
    exact = FeatureExtractor(SPEC)(dict(row))["features"]
    rounded = FeatureExtractor(replace(SPEC, precision="bf16"))(dict(row))["features"]
    assert rounded.dtype == np.float32
    assert 0 < np.abs(rounded - exact).max() < 0.03 * np.abs(exact).max()


@pytest.mark.parametrize("workers", [1, 3])
def test_number_of_workers_changes_no_bit(routine_video: Callable[..., Path], workers: int) -> None:
    video = Video("v", routine_video("v.mp4", elements=20))
    extractor = FeatureExtractor(SPEC)

    def features(threads: int) -> np.ndarray:
        assembly = Assembly()
        for row in extract_rows(video, SPEC, extractor, threads):
            finished = assembly.add(row)
        assert finished is not None
        return finished.features

    assert features(workers).tobytes() == features(2).tobytes()
