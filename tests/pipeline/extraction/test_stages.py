"""Batches and their assembly, without Ray."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import av
import numpy as np
import pytest
from quick import SPEC, TINY_SPEC

from aqa.storage.places import RemotePath
from extractors import open_clips
from pipeline.extraction.stages.assembly import Assembly, Finished
from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.batch import Batch, joined
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part, divided
from pipeline.extraction.stages.spec import ExtractionSpec, make_spec
from pipeline.footage.videos import Video


def batches_of(video: str, count: int, attempt: int = 0, channels: int = 3) -> list[Batch]:
    return [
        Batch(
            video,
            first=2 * index,
            total=2 * count - 1,
            attempt=attempt,
            valid=2 if index < count - 1 else 1,
            features=np.full((2, channels), index, np.float32),
            record={"n": index},
        )
        for index in range(count)
    ]


def test_assembly_orders_whatever_comes_and_drops_padding() -> None:
    assembly = Assembly()
    batches = batches_of("v", 3)
    assert assembly.add(batches[2]) is None
    assert assembly.add(batches[0]) is None
    assert assembly.add(batches[0]) is None  # delivered twice
    finished = assembly.add(batches[1])
    assert finished is not None
    assert finished.features[:, 0].tolist() == [0, 0, 1, 1, 2]
    assert finished.record == {"n": 2}


def test_assembly_ends_a_video_once() -> None:
    assembly = Assembly()
    first, second = batches_of("v", 2)
    failed = assembly.add(replace(first, error="damaged", tried=("pyav",)))
    assert (failed.id, failed.features, failed.record) == ("v", None, {})
    assert (failed.error, failed.tried) == ("damaged", ("pyav",))
    assert assembly.add(second) is None
    (only,) = batches_of("w", 1)
    assert assembly.add(only) is not None
    assert assembly.add(only) is None


def test_a_later_attempt_replaces_an_earlier_one_whatever_comes_first() -> None:
    assembly = Assembly()
    earlier, later = batches_of("v", 3), batches_of("v", 2, attempt=1)
    assert assembly.add(earlier[0]) is None
    assert assembly.add(later[1]) is None
    assert assembly.add(earlier[1]) is None
    assert assembly.add(earlier[2]) is None
    finished = assembly.add(later[0])
    assert finished is not None and finished.features[:, 0].tolist() == [0, 0, 1]


def test_weights_may_lie_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "w.pth").touch()
    spec = make_spec(architecture=None, weights="~/w.pth", protocol=None, device="cpu")
    assert spec.weights == str(tmp_path / "w.pth")


def test_a_batch_travels_as_columns_that_arrow_takes() -> None:
    """The same two for every batch, whatever is in a name."""
    name = os.fsdecode(b"caf\xe9 \xf0\x9f\x98\x80")
    clips, features = np.ones((2, 1, 4, 4, 3), np.uint8), np.ones((2, 5), np.float32)
    for batch in (
        Batch(
            name, clips=clips, record={"path": name, "clip_start_s": [0.1, 1 / 3]}, tried=(name,)
        ),
        Batch(name, features=features, valid=1, decode_s=0.1, error=name, computed_on="n"),
    ):
        row = batch.to_row()
        assert sorted(row) == ["about", "array"] and row["about"].encode()
        again = Batch.from_row(row)
        for field in fields(Batch):
            ours, theirs = getattr(batch, field.name), getattr(again, field.name)
            assert ours is theirs or ours == theirs, field.name


def test_the_same_batches_come_twice_and_a_gpus_have_one_shape(
    routine_video: Callable[..., Path],
) -> None:
    video = Video("v", routine_video("v.mp4", elements=9))
    assert SPEC.batch_clips == 8
    batches = list(decode_batches(Part(video), SPEC))
    assert [(batch.valid, len(batch.clips)) for batch in batches] == [(8, 8), (1, 1)]
    assert [(batch.first, batch.total) for batch in batches] == [(0, 9), (8, 9)]
    for batch, again in zip(batches, decode_batches(Part(video), SPEC), strict=True):
        assert np.array_equal(batch.clips, again.clips)
        assert batch.decode_s > 0 and again.decode_s > 0
        assert (batch.first, batch.record) == (again.first, again.record)
    starts_s = batches[-1].record["clip_start_s"]
    assert starts_s == pytest.approx([0.64 * c for c in range(9)])
    (padded,) = decode_batches(Part(video), replace(SPEC, device="cuda"))
    assert (padded.valid, len(padded.clips)) == (9, 64)
    assert not padded.clips[9:].any() and np.array_equal(padded.clips[8], batches[1].clips[0])


def test_frames_are_taken_at_the_rate_of_the_video(frames: Path) -> None:
    """50 images at 50 frames/s last a second: one clip of 16 at 25 frames/s, its ends dropped."""
    (batch,) = decode_batches(Part(Video("v", frames, frame_rate=50)), SPEC)
    record = batch.record
    assert (record["kind"], record["fps"], record["duration_s"]) == ("frames", 50, 1)
    assert record["clip_start_s"] == pytest.approx([0.16])
    (batch,) = decode_batches(Part(Video("v", frames)), SPEC)
    assert batch.record["fps"] == 25 and batch.valid == 3


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_clip_has_the_same_bits_in_a_batch_of_any_size(
    routine_video: Callable[..., Path], precision: str
) -> None:
    (batch,) = decode_batches(Part(Video("v", routine_video("v.mp4", elements=4))), SPEC)
    extractor = FeatureExtractor(replace(TINY_SPEC, precision=precision))
    padding = np.zeros_like(batch.clips)
    features = extractor(batch).features
    for clips in (1, 3):
        part = batch.clips[4 - clips :]
        alone = extractor(replace(batch, clips=part)).features
        padded = extractor(replace(batch, clips=np.concatenate([part, padding])[:4])).features
        assert alone.tobytes() == padded[:clips].tobytes() == features[4 - clips :].tobytes()


def test_a_cpu_computes_only_clips_that_count_one_by_one(
    routine_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor, seen = FeatureExtractor(TINY_SPEC), []
    compute = type(extractor._backbone).__call__
    monkeypatch.setattr(
        type(extractor._backbone),
        "__call__",
        lambda engine, clips: seen.append(len(clips)) or compute(engine, clips),
    )
    for batch in decode_batches(Part(Video("v", routine_video("v.mp4", elements=2))), SPEC):
        extractor(batch)
    assert seen == [1, 1]


def test_a_bad_video_is_a_batch_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    (batch,) = decode_batches(Part(Video("text", path)), SPEC)
    assert "text.mp4" in batch.error and "\n" not in batch.error
    assert batch.tried == ("opening it",)
    passed_on = FeatureExtractor(TINY_SPEC)(batch)
    assert passed_on.error == batch.error and not len(passed_on.features)


def test_damage_is_a_failure_that_says_what_is_good(damaged: Path) -> None:
    *_, last = decode_batches(Part(Video("v", damaged)), SPEC)
    assert re.search(r"damaged.mp4: damaged: .*; the first [\d.]+ s are good", last.error)
    assert last.tried == ("pyav",)


def features(path: Path, spec: ExtractionSpec) -> Finished:
    extractor, assembly = FeatureExtractor(spec), Assembly()
    batches = [extractor(batch) for batch in decode_batches(Part(Video("v", path)), spec)]
    (finished,) = [done for batch in batches if (done := assembly.add(batch)) is not None]
    assert not finished.error
    return finished


def test_salvage_takes_the_clips_outside_of_the_damage(damaged: Path) -> None:
    """They have the bits of the whole video's; the record tells which they are."""
    salvaged = features(damaged, replace(TINY_SPEC, salvage="all"))
    whole = features(damaged.parents[1] / "whole.mp4", TINY_SPEC)
    record, kept = salvaged.record, salvaged.record["clip_index"]
    assert record["whole_clips"] == len(whole.features) and 20 < len(kept) < 30
    assert salvaged.features.tobytes() == whole.features[kept].tobytes()
    (hole,) = record["salvaged"]["damaged"]
    assert 5 < hole[0] < 10 < hole[1] < 15
    for start_s, end_s in zip(record["clip_start_s"], record["clip_end_s"], strict=True):
        assert end_s <= hole[0] + 1e-3 or start_s >= hole[1] - 1e-3
    assert record["clip_start_s"] == [whole.record["clip_start_s"][clip] for clip in kept]
    assert "salvaged" not in whole.record and whole.record["clip_index"] is None


def test_salvage_takes_what_is_before_the_damage(damaged: Path) -> None:
    """The features are those of the whole video, cut where the damage begins."""
    salvaged = features(damaged, replace(TINY_SPEC, salvage="first"))
    good_s = salvaged.record["salvaged"]["good_s"]
    assert 5 < good_s < 10
    assert salvaged.record["clip_end_s"][-1] <= good_s + 1e-3
    whole = features(damaged.parents[1] / "whole.mp4", replace(TINY_SPEC, end_s=good_s))
    assert salvaged.features.tobytes() == whole.features.tobytes()
    assert salvaged.record["clip_index"] is None


def test_bf16_is_near_to_float32(routine_video: Callable[..., Path]) -> None:
    (batch,) = decode_batches(Part(Video("v", routine_video("v.mp4", elements=2))), SPEC)
    exact = FeatureExtractor(SPEC)(batch).features
    rounded = FeatureExtractor(replace(SPEC, precision="bf16"))(batch).features
    assert rounded.dtype == np.float32
    assert 0 < np.abs(rounded - exact).max() < 0.03 * np.abs(exact).max()


def test_parts_make_the_whole(shared: Path, tmp_path: Path) -> None:
    """Of a video and of a folder of images, in any order: features and record, to the last bit."""
    spec = replace(TINY_SPEC, protocol="contiguous32")
    extractor = FeatureExtractor(spec)
    video = Video("v", shared / "data/videos/v_ZNVhz7ctTq0.mp4")  # 10 clips
    whole = features(video.path, spec)
    for of in (2, 3, 50):  # more than it can have: the others are empty
        parts = [list(decode_batches(Part(video, number, of), spec)) for number in range(of)]
        assert sum(map(bool, parts)) == 2
        rows = [row for part in parts for row in joined(map(extractor, part), clips=2)]
        assembly = Assembly()
        ended = [done for row in reversed(rows) if (done := assembly.add(row))]
        assert [done.features.tobytes() for done in ended] == [whole.features.tobytes()]
        assert ended[0].record == whole.record


def test_larger_files_have_more_parts(tmp_path: Path) -> None:
    for name, size in (("small", 100), ("other", 100), ("large", 800)):
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "folder").mkdir()
    paths = {name: tmp_path / name for name in ("small", "large", "folder", "gone")}
    videos = [Video(name, path) for name, path in paths.items()]
    counts = Counter(part.video.id for part in divided(videos, workers=2))
    # 16 in all; what has no size counts as the usual one.
    assert counts == {"small": 1, "large": 7, "folder": 4, "gone": 4}
    assert divided(videos, workers=1) == [Part(video) for video in videos]
    many = [Video(str(n), tmp_path / "small") for n in range(40)]
    assert divided(many, workers=4) == [Part(video) for video in many]
    long = divided([*many, Video("long", tmp_path / "large")], workers=8)
    assert [part.of for part in long if part.video.id == "long"] == [11] * 11
    remote = Video("r", RemotePath.parse("s3://bucket/r.mp4"))
    assert divided([remote], workers=8) == [Part(remote)]
    assert Part.from_row(long[-1].to_row()) == long[-1]


def encode_still(path: Path, frames: int) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for _ in range(frames):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((96, 128, 3), np.uint8))))
        file.mux(stream.encode(None))


def test_what_only_one_may_read_is_no_parts(tmp_path: Path, frames: Path) -> None:
    """Combs are taken out from the start on; the clips of a folder can be read from any."""
    spec = replace(SPEC, protocol="mini16x112(deinterlace=bwdif)")
    with open_clips(frames, SPEC.protocol) as stream:
        assert stream.divisible
    path = tmp_path / "v.mp4"
    encode_still(path, 40)
    with open_clips(path, spec.protocol) as stream:
        assert not stream.divisible
    assert list(decode_batches(Part(Video("v", path), 1, 2), spec)) == []
    assert len(list(decode_batches(Part(Video("v", path), 0, 2), spec))) == 1


def test_what_begins_on_the_way_is_said_once() -> None:
    lines = ("interlaced from 0:12 on: combs", "interlaced from 0:40 on: combs")
    assembly = Assembly()
    first, second = batches_of("v", 2)
    assembly.add(replace(second, remarks=(lines[1], "HDR")))
    finished = assembly.add(replace(first, remarks=(lines[0],)))
    assert finished.record["remarks"] == (lines[0], "HDR")


def test_a_salvaged_video_in_parts_is_salvaged_once(damaged: Path) -> None:
    """The damage is known when it is opened: the first part does the whole, no other goes on."""
    spec = replace(TINY_SPEC, salvage="all")
    whole = features(damaged, spec)
    extractor, assembly, ended = FeatureExtractor(spec), Assembly(), []
    for number in (3, 1, 0, 2):
        for batch in decode_batches(Part(Video("v", damaged), number, 4), spec):
            if (done := assembly.add(extractor(batch))) is not None:
                ended.append(done)
    assert [done.features.tobytes() for done in ended] == [whole.features.tobytes()]
    assert ended[0].record == whole.record
