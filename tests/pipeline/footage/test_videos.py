"""Which videos a command works on, and under which ids."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from aqa import AqaError
from aqa.data.features import FeatureFolder, FeatureOrigin
from aqa.storage.places import RemotePath
from pipeline.errors import UsageError
from pipeline.footage.ids import told_apart
from pipeline.footage.published import raw_dataset
from pipeline.footage.stamps import PART_BYTES, content_digest, source_stamp
from pipeline.footage.videos import Video, collect


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_id_is_the_name_of_a_file_and_the_path_below_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "one.mp4", tmp_path / "more/a/2.mov", tmp_path / "more/a/10.MOV")
    touch(tmp_path / "more/notes.txt", tmp_path / "more/.hidden.mp4")
    videos, failures, _ = collect([tmp_path / "one.mp4", tmp_path / "more"])
    assert [video.id for video in videos] == ["one", "a/2", "a/10"]
    assert failures == []


def test_dots_in_a_name_stay(tmp_path: Path) -> None:
    touch(tmp_path / "v/final.take.2.mp4")
    videos, *_ = collect([tmp_path / "v"])
    assert videos[0].id == "final.take.2"


def test_frame_folders_are_videos(tmp_path: Path) -> None:
    touch(tmp_path / "all/game1/3/00000.jpg", tmp_path / "all/game1/4/00000.png")
    assert [video.id for video in collect([tmp_path / "all"])[0]] == ["game1/3", "game1/4"]
    assert [video.id for video in collect([tmp_path / "all/game1/3"])[0]] == ["3"]


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_frame_rate_is_above_0(tmp_path: Path, rate: float) -> None:
    touch(tmp_path / "v/0.jpg")
    assert collect([tmp_path / "v"], frame_rate=12.5)[0] == [Video("v", tmp_path / "v", 12.5)]
    with pytest.raises(UsageError, match=r"--frame-rate .*: expected frames per second, above 0"):
        collect([tmp_path / "v"], frame_rate=rate)


def test_missing_and_empty_are_failures_and_the_rest_goes_on(tmp_path: Path) -> None:
    touch(tmp_path / "good.mp4")
    (tmp_path / "empty").mkdir()
    videos, failures, _ = collect(
        [tmp_path / "gone.mp4", tmp_path / "empty", tmp_path / "good.mp4"]
    )
    assert [video.id for video in videos] == ["good"]
    assert "gone.mp4: no such file or folder" in failures[0].reason
    assert "empty: no video and no frames" in failures[1].reason


def test_what_is_left_out_of_a_folder_is_counted(tmp_path: Path) -> None:
    touch(*(tmp_path / f"v/{name}" for name in ("a.MP4", "b.MTS", "c.gif", "deep/d.h264")))
    touch(
        *(tmp_path / f"v/{name}" for name in ("n.txt", "m.txt", "l.m3u8", ".h.mp4", "deep/README"))
    )
    videos, failures, notes = collect([tmp_path / "v"])
    assert [video.id for video in videos] == ["a", "b", "c", "deep/d"] and not failures
    assert notes == [
        f"{tmp_path / 'v'}: not video: 2 .txt, 1 hidden, 1 .m3u8 (a playlist), 1 without an ending"
    ]


def test_images_beside_frames_are_no_news_but_images_beside_videos_are(tmp_path: Path) -> None:
    touch(tmp_path / "v/frames/1.jpg", tmp_path / "v/frames/2.jpg", tmp_path / "v/frames/Thumbs.db")
    assert collect([tmp_path / "v"]).notes == [f"{tmp_path / 'v'}: not video: 1 .db"]
    touch(tmp_path / "w/a.mp4", tmp_path / "w/a.jpg")
    assert collect([tmp_path / "w"]).notes == [f"{tmp_path / 'w'}: not video: 1 .jpg"]


def test_files_that_differ_in_their_ending_keep_it(tmp_path: Path) -> None:
    touch(tmp_path / "a/x.mp4", tmp_path / "a/x.mov", tmp_path / "a/y.mp4")
    told = told_apart(collect([tmp_path / "a"]).videos)
    assert [video.id for video in told.videos] == ["x.mov", "x.mp4", "y"] and not told.failures
    assert told.notes == [
        "files that differ in their ending alone keep it in their ids: x.mov and x.mp4"
    ]


def test_the_one_whose_features_are_there_keeps_its_id(tmp_path: Path) -> None:
    touch(tmp_path / "a/x.mp4", tmp_path / "a/x.mov")
    origin = FeatureOrigin("b", "w", None, "mini16x112")
    kept = FeatureFolder(tmp_path / "out")
    source = {"source": source_stamp(tmp_path / "a/x.mp4")}
    kept.save("x", np.zeros((1, 2)), origin, source)
    videos = collect([tmp_path / "a"]).videos
    assert [(v.id, v.path.name) for v in told_apart(videos, kept).videos] == [
        ("x.mov", "x.mov"),
        ("x", "x.mp4"),
    ]


def test_files_of_one_name_in_two_places_are_failures(tmp_path: Path) -> None:
    touch(tmp_path / "a/x.mp4", tmp_path / "b/x.mp4", tmp_path / "b/y.mp4")
    told = told_apart(collect([tmp_path / "a/x.mp4", tmp_path / "b/x.mp4", tmp_path / "b"]).videos)
    # b/x.mp4 was named twice, which is no harm.
    assert [video.id for video in told.videos] == ["y"] and len(told.failures) == 2


def test_raw_logo_ids(tmp_path: Path) -> None:
    for number in (0, 2, 10):
        touch(tmp_path / f"LOGO/Video_result/WorldChampionship2019/{number}/00000.jpg")
    videos = raw_dataset("logo", tmp_path)
    assert [video.id.rsplit("_", 1)[1] for video in videos] == ["0", "2", "10"]
    assert videos[0].id == "WorldChampionship2019_0"
    assert {video.frame_rate for video in videos} == {25.0}


@pytest.mark.parametrize(("dataset", "folder"), [("fisv", "fis-v"), ("rg", "RG")])
def test_raw_videos(tmp_path: Path, dataset: str, folder: str) -> None:
    touch(tmp_path / folder / "videos" / "7.mkv")
    assert [video.id for video in raw_dataset(dataset, tmp_path)] == ["7"]


def test_raw_folder_may_be_named_and_is_named_when_missing(tmp_path: Path) -> None:
    touch(tmp_path / "footage/7.mkv")
    assert raw_dataset("rg", tmp_path, Path("footage"))[0].id == "7"
    with pytest.raises(UsageError, match=r"looked for .*RG/videos.* raw: \{rg: FOLDER\}"):
        raw_dataset("rg", tmp_path)


def test_stamp_changes_with_any_frame(tmp_path: Path) -> None:
    touch(tmp_path / "v/0.jpg", tmp_path / "v/1.jpg")
    before = source_stamp(tmp_path / "v")
    (tmp_path / "v/1.jpg").write_bytes(b"xy")
    assert source_stamp(tmp_path / "v") != before


def test_digest_of_a_file(tmp_path: Path) -> None:
    """Of its first, middle and last part, whatever it is called."""
    content = bytearray(4 * PART_BYTES)
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(content)
    digest = content_digest(tmp_path / "a")
    assert digest == content_digest(tmp_path / "b") and len(digest) == 64
    found = {digest}
    for position in (0, 2 * PART_BYTES, len(content) - 1):
        (tmp_path / "b").write_bytes(content[:position] + b"x" + content[position + 1 :])
        found.add(content_digest(tmp_path / "b"))
    (tmp_path / "b").write_bytes(content + b"0")
    found.add(content_digest(tmp_path / "b"))
    assert len(found) == 5
    (tmp_path / "b").write_bytes(b"")
    assert content_digest(tmp_path / "b") not in found


def test_digest_of_a_folder_of_frames(tmp_path: Path) -> None:
    """Of all names and sizes, and of its first, middle and last image."""
    touch(*(tmp_path / f"v/{number}.jpg" for number in range(5)), tmp_path / "v/notes.txt")
    shutil.copytree(tmp_path / "v", tmp_path / "w")
    (tmp_path / "w/notes.txt").write_bytes(b"more")
    found = {content_digest(tmp_path / "v")}
    assert found == {content_digest(tmp_path / "w")}
    for name, content in (("0", b"y"), ("2", b"y"), ("4", b"y"), ("1", b"xy"), ("5", b"x")):
        (tmp_path / f"w/{name}.jpg").write_bytes(content)
        found.add(content_digest(tmp_path / "w"))
    assert len(found) == 6
    (tmp_path / "empty").mkdir()
    assert content_digest(tmp_path / "empty") not in found


def put(*places: RemotePath, content: bytes = b"x") -> None:
    for place in places:
        place.write_whole(lambda file: file.write(content))


def test_a_folder_in_a_bucket_is_read_as_one_here(bucket: RemotePath, tmp_path: Path) -> None:
    names = (
        "one.mp4", "more/a/2.mov", "more/a/10.MOV", "more/a b/ü #1.mp4", "more/notes.txt",
        "more/.hidden.mp4", "more/.git/x.mp4", "game/3/00000.jpg", "game/4/0.png", "game/10/0.jpg",
    )  # fmt: skip
    touch(*(tmp_path / "here" / name for name in names))
    put(*(bucket / "there" / name for name in names))
    here, *_ = collect([tmp_path / "here"])
    there, failures, _ = collect([str((bucket / "there").address)])
    assert [video.id for video in there] == [video.id for video in here] and len(here) == 7
    assert failures == []
    for mine, other in zip(here, there, strict=True):
        below = mine.path.relative_to(tmp_path / "here").as_posix()
        assert other.path == bucket / "there" / below
    (whole,), *_ = collect([(bucket / "there/game/3").address])
    assert whole.id == "3"


def test_what_a_bucket_lacks_is_a_failure(bucket: RemotePath) -> None:
    put(bucket / "here.mp4", bucket / "empty/notes.md")
    places = [(bucket / name).address for name in ("gone.mp4", "here.mp4", "empty")]
    videos, failures, _ = collect(places)
    assert [video.id for video in videos] == ["here"]
    at = f"s3://{bucket.host}"
    assert [failure.reason for failure in failures] == [
        f"{at}/gone.mp4: no such file or folder",
        f"{at}/empty: no video and no frames in this folder",
    ]


def test_a_video_travels_as_text(
    bucket: RemotePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there = Video("a", bucket / "a b.mp4")
    assert Video.from_row(there.to_row()) == there
    here = Video("a", Path("a b.mp4"), 50)
    assert Video.from_row(here.to_row()) == Video("a", tmp_path / "a b.mp4", 50)
    odd = Video(os.fsdecode(b"caf\xe9"), tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    row = odd.to_row()
    assert row["video"].encode() and Video.from_row(row) == odd


def test_stamp_in_a_bucket(bucket: RemotePath) -> None:
    put(bucket / "v.mp4", bucket / "v/0.jpg", bucket / "v/1.jpg", bucket / "v/deep/2.jpg")
    stamp = source_stamp(bucket / "v.mp4")
    assert stamp["path"] == f"s3://{bucket.host}/v.mp4" and stamp["size"] == 1
    assert stamp["mtime_ns"] > 1e18
    assert source_stamp(bucket / "v")["size"] == 2
    put(bucket / "v/1.jpg", content=b"xy")
    assert source_stamp(bucket / "v")["size"] == 3
    with pytest.raises(AqaError, match=r"gone\.mp4: no such file"):
        source_stamp(bucket / "gone.mp4")


def test_frames_in_the_working_directory_have_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "7/0.jpg")
    monkeypatch.chdir(tmp_path / "7")
    assert [video.id for video in collect(["."])[0]] == ["7"]
