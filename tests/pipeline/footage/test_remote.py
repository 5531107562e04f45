"""Footage and features in a bucket: copies for the decoders, what was computed before, train."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import SPEC

from aqa import AqaError
from aqa.data.features import FeatureFolder
from aqa.storage.places import RemotePath
from pipeline.extraction.folder.origin import feature_origin
from pipeline.extraction.folder.resume import divide
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part
from pipeline.footage.copies import local_copy
from pipeline.footage.stamps import source_stamp
from pipeline.footage.videos import Video
from pipeline.workspace.run_folder import LastExtraction, RunFolder

SMALL = (
    "--set", "model.waves=64", "--set", "training.threads=1", "--calibration-folds", "0",
)  # fmt: skip
COPY_AND_WAIT = """
import sys
from aqa.storage.places import as_place
from pipeline.footage.copies import local_copy
with local_copy(as_place(sys.argv[1])) as path:
    print(path, flush=True)
    sys.stdin.read()
"""


def put(place: RemotePath, content: bytes = b"x") -> RemotePath:
    place.write_whole(lambda file: file.write(content))
    return place


def copies_in(folder: Path) -> list[Path]:
    return list(folder.glob("aqa-pipeline-copies-*/*"))


def test_a_path_of_this_machine_is_itself(temporary: Path) -> None:
    with local_copy(Path("some/video.mp4")) as path:
        assert path == Path("some/video.mp4")
    assert os.listdir(temporary) == []


def test_a_copy_is_the_file_and_goes_away(bucket: RemotePath, temporary: Path) -> None:
    content = bytes(range(256)) * 70_000  # more than is read at once
    with local_copy(put(bucket / "a/ü #1.mp4", content)) as path:
        assert path.name == "ü #1.mp4" and path.read_bytes() == content
        assert temporary in path.parents
    assert copies_in(temporary) == []
    with pytest.raises(RuntimeError), local_copy(bucket / "a/ü #1.mp4"):
        raise RuntimeError
    assert copies_in(temporary) == []


def test_a_copy_of_a_folder_of_frames(bucket: RemotePath, temporary: Path) -> None:
    for number in range(20):
        put(bucket / f"v/{number:05d}.jpg", str(number).encode())
    put(bucket / "v/notes.txt")
    put(bucket / "v/deep/00000.jpg")
    with local_copy(bucket / "v") as path:
        assert path.name == "v"
        assert {file.name: int(file.read_text()) for file in path.iterdir()} == {
            f"{number:05d}.jpg": number for number in range(20)
        }
    assert copies_in(temporary) == []


def test_what_cannot_be_copied_is_named(
    bucket: RemotePath, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AqaError, match=r"s3://bucket-\d+/gone\.mp4: no such file or folder"):
        local_copy(bucket / "gone.mp4").__enter__()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    put(bucket / "v.mp4")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        words = rf"v\.mp4 cannot be copied to {temporary}/.*: .*No space left on device"
        with pytest.raises(AqaError, match=words):
            local_copy(bucket / "v.mp4").__enter__()
        patch.setattr("shutil.copyfileobj", lambda source, target, size: target.write(b"half"))
        with pytest.raises(AqaError, match=r"4 bytes arrived, expected 1"):
            local_copy(bucket / "v.mp4").__enter__()
    assert copies_in(temporary) == []


def test_copies_of_a_killed_process_are_removed_those_of_a_living_one_are_not(
    bucket: RemotePath, temporary: Path
) -> None:
    address = put(bucket / "v.mp4").address
    living, killed = (
        subprocess.Popen(
            [sys.executable, "-c", COPY_AND_WAIT, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    )
    copies = [Path(process.stdout.readline().strip()) for process in (living, killed)]
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert all(copy.is_file() for copy in copies)
    with local_copy(bucket / "v.mp4"):
        assert copies[0].is_file() and not copies[1].parent.exists()
    living.communicate()
    assert copies_in(temporary) == []


def test_features_of_a_bucket_are_those_of_a_copy_here(
    bucket: RemotePath, temporary: Path, routine_video: Callable[..., Path]
) -> None:
    """The record has the digest of the copy that was read; within the bucket the time decides."""
    film = routine_video("a.mp4")
    there = put(bucket / "a.mp4", film.read_bytes())
    *_, last = decode_batches(Part(Video("a", there)), SPEC)
    folder, origin = FeatureFolder(bucket / "features"), feature_origin(SPEC)
    folder.save("a", np.ones((3, 48)), origin, last.record)
    assert divide([Video("a", film)], folder, origin).moved["a"]["path"] == str(film)
    moved = put(bucket / "b.mp4", film.read_bytes())
    while moved.info().mtime_ns == there.info().mtime_ns:  # a bucket knows whole seconds
        put(moved, film.read_bytes())
    os.utime(film, ns=(0, 1))
    for place, complete in ((there, ["a"]), (moved, []), (film, ["a"])):
        division = divide([Video("a", place)], folder, origin)
        assert division.complete == complete
    stamp = source_stamp(moved)
    folder.save("b", np.ones((3, 48)), origin, {"source": stamp | {"path": "s3://other/b.mp4"}})
    assert divide([Video("b", moved)], folder, origin).moved["b"]["source"] == stamp


def test_train_and_evaluate_on_features_in_a_bucket(
    cli: Callable[..., CliResult],
    bucket: RemotePath,
    s3_environment: None,
    own_data: tuple[Path, Path],
    same_weights: Callable[[Path, Path], int],
) -> None:
    here, labels = own_data
    there = bucket / "features"
    for path in here.rglob("*.*"):
        put(there / path.relative_to(here).as_posix(), path.read_bytes())
    for features, output in ((here, "a"), (there.address, "b")):
        done = cli("train", "--labels", labels, "--features", features, *SMALL, "--output", output)
        assert done.exit_code == 0, done.output
    assert same_weights(Path("a"), Path("b")) == 1

    RunFolder(Path("runs")).remember(LastExtraction(None, there.address_to_keep, None, "today"))
    models = sorted(Path("a").rglob("model.pt"))
    told = cli("evaluate", "--checkpoint", *models, "--labels", labels, "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["videos"] == 4

    (there / "v0.npy").unlink()
    lacking = cli("train", "--labels", labels, "--features", there.address, *SMALL)
    assert lacking.exit_code == 2
    words = f"1 video without a feature file in {there} (extract it, or take its label out): v0"
    assert words in lacking.stderr
    gone = cli("train", "--labels", labels, "--features", (bucket / "gone").address, *SMALL)
    assert gone.stderr == f"error: {bucket / 'gone'}: no such file or folder\n"
