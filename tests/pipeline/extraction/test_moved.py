"""Footage that was moved, copied or touched keeps its features; changed footage does not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import MINI, SPEC

from aqa.data.features import FeatureFolder
from pipeline.extraction.folder.origin import feature_origin
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part
from pipeline.footage.stamps import content_digest, source_stamp
from pipeline.footage.videos import collect

KEPT = "were moved or touched, not changed: their features are kept"
Extract = Callable[..., CliResult]


@pytest.fixture
def footage(frames: Path, routine_video: Callable[..., Path]) -> Path:
    """``in`` with the files a and b and the folder of frames ``frames``, all of them extracted."""
    routine_video("in/a.mp4")
    routine_video("in/b.mp4", seed=1)
    folder, origin = FeatureFolder(frames.parents[1] / "features/videos"), feature_origin(SPEC)
    folder.write_origin(origin, {})
    for video in collect([frames.parent])[0]:
        *_, last = decode_batches(Part(video), SPEC)
        folder.save(video.id, np.ones((2, 48)), origin, last.record)
    return frames.parent


@pytest.fixture
def extract(cli: Callable[..., CliResult], footage: Path) -> Extract:
    """``extract("there")`` extracts what lies there; nothing that it is given is ever computed."""
    return lambda place, *options: cli("extract", "--videos", place, *MINI, *options)


def records(footage: Path) -> dict[str, dict]:
    folder = FeatureFolder(footage.parent / "features/videos")
    return {name: folder.record(name) for name in folder.ids()}


def files_of(footage: Path) -> list[tuple[Path, int]]:
    found = (footage.parent / "features").rglob("*.npy")
    return sorted((path, path.stat().st_mtime_ns) for path in found)


def without_digests(footage: Path) -> None:
    """As older versions wrote the records."""
    for path in (footage.parent / "features/videos/provenance").glob("*.json"):
        record = json.loads(path.read_text())
        assert len(record["source"].pop("digest")) == 64
        path.write_text(json.dumps(record))


def moved(footage: Path) -> Path:
    return footage.rename(footage.with_name("moved"))


def copied(footage: Path) -> Path:
    return shutil.copytree(footage, footage.with_name("copied"), copy_function=shutil.copyfile)


def touched(footage: Path) -> Path:
    for path in footage.rglob("*.*"):
        os.utime(path)
    return footage


@pytest.mark.parametrize("change", [moved, copied, touched])
def test_the_same_footage_keeps_its_features(
    extract: Extract, footage: Path, change: Callable[[Path], Path]
) -> None:
    before, files = records(footage), files_of(footage)
    there = change(footage)
    plan = extract(there, "--dry-run")
    assert plan.exit_code == 0 and "0 videos to do, 3 complete, 0 not done" in plan.output
    assert records(footage) == before
    done = extract(there)
    assert done.exit_code == 0, done.output
    assert f"3 videos {KEPT}" in done.output and "0 extracted, 3 complete before" in done.output
    assert files_of(footage) == files
    for name, record in records(footage).items():
        place = there / before[name]["source"]["path"].rpartition("/")[2]
        digest = content_digest(place)
        source = source_stamp(place) | {"digest": digest}
        assert record == before[name] | {"path": str(place), "source": source}
        assert digest == before[name]["source"]["digest"]
    assert KEPT not in extract(there).output


def test_other_content_of_the_same_size_and_time_elsewhere(extract: Extract, footage: Path) -> None:
    there = moved(footage)
    for path in (there / "b.mp4", there / "frames/00049.png"):
        stat, content = path.stat(), path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    done = extract(there)
    assert done.exit_code == 1
    assert "1 video was moved or touched, not changed: its features are kept" in done.output
    for name in ("b.mp4", "frames"):
        words = f"moved/{name}: its features are of another file, {footage}/{name}; --overwrite"
        assert words in done.stderr


def test_other_content_of_the_same_size_in_place(extract: Extract, footage: Path) -> None:
    content = (footage / "a.mp4").read_bytes()
    (footage / "a.mp4").write_bytes(b"x" + content[1:])
    done = extract(footage)
    assert done.exit_code == 1 and "0 extracted, 2 complete before, 1 failed" in done.output
    assert "a.mp4: the source file has changed; --overwrite computes it again" in done.stderr
    assert "not changed" not in done.output


def test_records_without_a_digest_go_by_size_and_time(extract: Extract, footage: Path) -> None:
    without_digests(footage)
    there = moved(footage)
    done = extract(there)
    assert done.exit_code == 0 and f"3 videos {KEPT}" in done.output
    for name, record in records(footage).items():
        (video,) = (video for video in collect([there])[0] if video.id == name)
        assert record["source"]["digest"] == content_digest(video.path)


def test_records_without_a_digest_and_another_time(extract: Extract, footage: Path) -> None:
    without_digests(footage)
    done = extract(copied(footage))
    assert done.exit_code == 1 and "0 extracted, 0 complete before, 3 failed" in done.output
    assert f"copied/a.mp4: its features are of another file, {footage}/a.mp4" in done.stderr


def test_what_is_where_it_was_is_not_read(
    extract: Extract, footage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.footage.stamps._parts", lambda path: pytest.fail(str(path)))
    done = extract(footage)
    assert done.exit_code == 0 and "3 complete before" in done.output
