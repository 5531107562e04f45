"""extract: resuming, overwriting, odd names, what cannot be saved, wrong usage."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import MINI, TINY, TINY_SPEC

from aqa.data.features import FeatureFolder, FeatureOrigin
from pipeline.extraction.folder.resume import divide
from pipeline.extraction.stages.assembly import Finished
from pipeline.footage.stamps import source_stamp
from pipeline.footage.videos import Video

CAFE = os.fsdecode(b"caf\xe9")  # not UTF-8
Cli = Callable[..., CliResult]


def test_the_frame_rate_of_a_folder_of_frames(cli: Cli, frames: Path) -> None:
    assert cli("extract", "--videos", frames, *MINI, "--frame-rate", 50).exit_code == 0
    record = FeatureFolder("features/videos").record("frames")
    assert (record["fps"], record["duration_s"], record["shape"]) == (50, 1, [1, 48])
    again = cli("extract", "--videos", frames, *MINI, "--frame-rate", 50)
    assert again.exit_code == 0 and "1 complete before" in again.output
    other = cli("extract", "--videos", frames, *MINI)
    assert other.exit_code == 1
    words = "its frames were taken at 50 frames/s, asked for are 25; --overwrite computes it again"
    assert words in other.stderr
    refused = cli("extract", "--dataset", "logo", "--frame-rate", 50)
    assert refused.exit_code == 2 and "--frame-rate goes with --videos" in refused.stderr


def test_overwriting_goes_on_where_it_was_broken_off(
    routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    videos = [Video(name, routine_video(f"{name}.mp4")) for name in ("a", "b", "c")]
    origin = FeatureOrigin("swin3d_mini", "random", "d" * 64, "mini16x112")
    folder = FeatureFolder(tmp_path / "out")
    folder.write_origin(origin, {}, "pass 2")
    for video, written_by in zip(videos[:2], ("pass 1", "pass 2"), strict=True):
        record = {"source": source_stamp(video.path), "overwriting": written_by}
        folder.save(video.id, np.ones((2, 3)), origin, record)
    division = divide(videos, folder, origin, overwrite=True)
    assert (division.complete, [v.id for v in division.todo]) == (["b"], ["a", "c"])
    assert division.overwriting == "pass 2"
    assert division.notes == ["going on with the overwriting extraction of pass 2"]
    assert divide(videos, folder, origin).complete == ["a", "b"]
    folder.write_origin(origin, {})  # it has come to its end
    again = divide(videos, folder, origin, overwrite=True)
    assert [v.id for v in again.todo] == ["a", "b", "c"] and not again.notes
    videos[0].path.unlink()
    (gone,) = divide(videos, folder, origin).failures
    assert "a.mp4" in gone.reason and "No such file" in gone.reason


def test_overwriting_leaves_no_features_of_another_origin(
    cli: Cli, no_ray: None, routine_video: Callable[..., Path]
) -> None:
    a, b = routine_video("a.mp4"), routine_video("b.mp4", seed=1)
    assert cli("extract", "--videos", a, b, *MINI, "--output", "out").exit_code == 0
    before = FeatureFolder("out").origin()
    other = (*MINI[:-1], "mini16x112(fps=native)", "--output", "out", "--overwrite")
    done = cli("extract", "--videos", a, *other)
    assert done.exit_code == 2
    assert "1 other video, of another origin (there / asked for): protocol" in done.stderr
    assert FeatureFolder("out").origin() == before
    done = cli("extract", "--videos", a, b, *other)
    assert done.exit_code == 0 and "2 extracted" in done.output
    folder = FeatureFolder("out")
    assert folder.origin().protocol == "mini16x112(fps=native)" and folder.overwriting() is None
    assert folder.record("a")["reader"] == "pyav"
    assert folder.record("a")["versions"]["precision"] == "float32"


def test_overwriting_what_a_killed_pass_had_all_done_begins_anew(
    cli: Cli, no_ray: None, routine_video: Callable[..., Path]
) -> None:
    """It had saved its last video, and its mark was still there."""
    a = routine_video("a.mp4")
    command = ("extract", "--videos", a, *TINY, "--output", "out", "--overwrite")
    assert cli(*command).exit_code == 0
    folder = FeatureFolder("out")
    origin, name = folder.origin(), folder.record("a")["overwriting"]
    folder.write_origin(origin, {}, name)
    plan = cli(*command, "--dry-run")
    assert "1 video to do, 0 complete" in plan.output
    before = folder.path("a").stat().st_mtime_ns
    done = cli(*command)
    assert "1 extracted, 0 complete before, 0 failed" in done.output
    assert "going on with" not in done.output
    assert folder.path("a").stat().st_mtime_ns > before
    assert folder.overwriting() is None and folder.record("a")["overwriting"] != name


def test_damaged_features_are_done_again_and_only_they(
    cli: Cli, no_ray: None, routine_video: Callable[..., Path]
) -> None:
    for number, name in enumerate(("cut", "noise", "record", "good")):
        routine_video(f"in/{name}.mp4", seed=number)
    command = ("extract", "--videos", "in", *TINY, "--output", "out")
    assert cli(*command).exit_code == 0
    whole = {path.name: path.read_bytes() for path in Path("out").glob("*.npy")}
    stamp = os.stat("out/good.npy").st_mtime_ns
    Path("out/cut.npy").write_bytes(whole["cut.npy"][:-4])
    Path("out/noise.npy").write_bytes(b"these are words")
    Path("out/provenance/record.json").write_text('{"origin": ')
    plan = cli(*command, "--dry-run")
    assert plan.exit_code == 0 and "3 videos to do, 1 complete, 0 not done" in plan.output
    done = cli(*command)
    assert done.exit_code == 0, done.output
    assert "3 extracted, 1 complete before, 0 failed" in done.output
    for name in ("cut", "noise", "record"):
        (line,) = [line for line in done.stdout.splitlines() if f"in/{name}.mp4: " in line]
        assert f"in/{name}.mp4: its features are done again: cannot be read: " in line
    assert {path.name: path.read_bytes() for path in Path("out").glob("*.npy")} == whole
    assert os.stat("out/good.npy").st_mtime_ns == stamp


@pytest.mark.parametrize("ray_address", [(), ("--ray-address", "none")])
def test_no_name_ends_the_others(
    cli: Cli,
    no_ray: None,
    routine_video: Callable[..., Path],
    tmp_path: Path,
    alone: Callable[..., Finished],
    ray_address: tuple[str, ...],
) -> None:
    """Names that are not UTF-8, that hold line ends, and that leave no room for another ending."""
    good = ["good", CAFE, "line\u2028end", "long" * 55, "l" * 251]
    for number, name in enumerate(good):
        routine_video(f"in/{name}.mp4", seed=number)
    longer = "m" * 252  # with .ts as long as a name may be; .npy does not fit
    routine_video(f"in/{longer}.ts")
    bad = os.fsdecode(b"words\xff")
    (tmp_path / f"in/{bad}.mp4").write_text("these are words")
    command = ("extract", "--videos", "in", *TINY, "--output", "out", *ray_address)
    done = cli(*command, "y" * 300, "y" * 300 + ".csv")
    assert done.exit_code == 1 and "Traceback" not in done.output
    assert "5 extracted, 0 complete before, 4 failed: out" in done.output
    folder = FeatureFolder("out")
    assert folder.ids() == sorted(good)
    for name in good:
        expected = alone(tmp_path / f"in/{name}.mp4", TINY_SPEC).features
        assert np.load(folder.path(name)).tobytes() == expected.tobytes()
        assert folder.record(name)["path"] == f"in/{name}.mp4"
    assert f"{longer}.ts: File name too long" in done.stderr
    assert r"words\udcff.mp4: no video that can be read" in done.stderr

    again = cli(*command)
    assert "0 extracted, 5 complete before, 2 failed: out" in again.output
    log = [json.loads(line) for line in Path("out/failures.jsonl").read_bytes().splitlines()]
    assert sorted(entry["id"] for entry in log) == sorted(
        [bad, longer, "y" * 300, "y" * 300 + ".csv"]
    )
    plan = cli(*command, "--dry-run")
    assert r"complete: caf\udce9" in plan.output
    assert "1 video to do, 5 complete, 1 not done" in plan.output


@pytest.mark.parametrize(
    "error", [OSError(errno.EINVAL, "Invalid argument"), TypeError("not JSON"), UnicodeError("?")]
)
def test_what_cannot_be_saved_does_not_end_the_others(
    cli: Cli,
    no_ray: None,
    routine_video: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    for number, name in enumerate("abc"):
        routine_video(f"in/{name}.mp4", seed=number)
    save = FeatureFolder.save

    def broken(folder: FeatureFolder, video_id: str, *arguments: object) -> object:
        if video_id == "b":
            raise error
        return save(folder, video_id, *arguments)

    monkeypatch.setattr(FeatureFolder, "save", broken)
    done = cli("extract", "--videos", "in", *TINY, "--output", "out")
    assert done.exit_code == 1 and FeatureFolder("out").ids() == ["a", "c"]
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: in/b.mp4: ")


def test_a_full_disk_ends_the_command(
    cli: Cli, no_ray: None, routine_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or each of the videos that are left would be computed in vain."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "out/a.npy")

    monkeypatch.setattr(FeatureFolder, "save", full)
    done = cli("extract", "--videos", routine_video("a.mp4"), *TINY, "--output", "out")
    assert done.exit_code == 2 and "error: out/a.npy: No space left on device" in done.stderr


def test_folder_of_another_origin_is_refused(cli: Cli, routine_video: Callable[..., Path]) -> None:
    video = routine_video("a.mp4")
    folder = FeatureFolder("features/videos")
    folder.write_origin(FeatureOrigin("swin3d_b", "kinetics600-22k", None, "contiguous32"), {})
    done = cli("extract", "--videos", video, *MINI)
    assert done.exit_code == 2
    assert "(there / asked for): backbone swin3d_b / swin3d_mini" in done.stderr
    assert "contiguous32 / mini16x112" in done.stderr


def test_published_features_are_never_written_into(
    cli: Cli, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    video = routine_video("a.mp4")
    published = tmp_path / "published"
    published.mkdir()
    np.save(published / "1.npy", np.zeros((3, 48), np.float32))
    done = cli("extract", "--videos", video, *MINI, "--output", published, "--overwrite")
    assert done.exit_code == 2 and "without provenance" in done.stderr
    assert os.listdir(published) == ["1.npy"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give either --dataset NAME or --videos"),
        (("--dataset", "logo", "--videos", "x.mp4"), "give either"),
        (("--dataset", "ice"), "--dataset ice: expected logo, fisv, rg"),
        (("--dataset", "rg"), "no data root"),
        (("--videos", ".", "--protocol", "other"), "contiguous32"),
        (("--videos", ".", "--backbone", "resnet"), "unknown backbone 'resnet'"),
        (("--videos", ".", "--reader", "vlc", *MINI), "vlc"),
        (("--videos", ".", "--device", "tpu", *MINI), "--device tpu"),
        (("--videos", ".", "--weights", "imagenet"), "no such file, and no name for swin3d_b"),
        (("--videos", ".", "--weights", "kinetcs", "--dry-run"), "no name for swin3d_b"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    cli: Cli, routine_video: Callable[..., Path], arguments: tuple[str, ...], words: str
) -> None:
    routine_video("a.mp4")
    done = cli("extract", *arguments)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()
    assert words in line and line.startswith("error: ")


def test_more_workers_than_there_is_room_for(cli: Cli, routine_video: Callable[..., Path]) -> None:
    many = ("--workers", "999", "--ray-address", "none")
    done = cli("extract", "--videos", routine_video("a.mp4"), *MINI, *many)
    assert done.exit_code == 2
    assert re.fullmatch(r"error: 999 .* room for \d+ CPU workers?\n", done.stderr)


def test_output_that_cannot_be_written(cli: Cli, routine_video: Callable[..., Path]) -> None:
    Path("file").write_text("not a folder")
    done = cli("extract", "--videos", routine_video("a.mp4"), *MINI, "--output", "file/out")
    assert done.exit_code == 2
    assert done.stderr == "error: file/out: cannot be written into (Not a directory)\n"


def test_weights_that_cannot_be_had_say_where_to_put_them(
    cli: Cli,
    routine_video: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AQA_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("AQA_WEIGHTS_URL", f"file://{tmp_path}/nowhere")
    done = cli("extract", "--videos", routine_video("a.mp4"))
    assert done.exit_code == 2
    assert "swin_base_patch244_window877_kinetics600_22k.pth" in done.stderr
    assert str(tmp_path / "weights") in done.stderr


def test_timm_backbone(cli: Cli, no_ray: None, routine_video: Callable[..., Path]) -> None:
    video = routine_video("a.mp4")
    done = cli(
        "extract", "--videos", video, "--backbone", "timm:resnet10t", "--weights", "random",
        "--protocol", "mini16x112", "--output", "out", "--workers", "1", "--quiet",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert np.load("out/a.npy").shape == (3, 512)
    assert done.output == "1 extracted, 0 complete before, 0 failed: out\n"
