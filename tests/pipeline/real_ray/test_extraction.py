"""extract over a Ray of this machine: the bits of one process, from files and from a bucket."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import MINI

from aqa.data.features import FeatureFolder, read_features
from aqa.storage.places import RemotePath
from pipeline.extraction.stages.assembly import Finished
from pipeline.footage.stamps import content_digest, source_stamp

CAFE = os.fsdecode(b"caf\xe9")  # not UTF-8
Cli = Callable[..., CliResult]


@pytest.fixture
def footage(tmp_path: Path, routine_video: Callable[..., Path]) -> Path:
    """Two good videos, one of them under an odd name, and one of each kind that cannot be done."""
    routine_video("in/a.mp4", elements=10, seed=1)
    routine_video(f"in/deep/{CAFE}.mp4", elements=3, seed=2)
    routine_video("in/whole.mp4", elements=6, seed=3)
    (tmp_path / "in/text.mp4").write_text("these are words")
    data = (tmp_path / "in/whole.mp4").read_bytes()
    (tmp_path / "in/cut.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "in/whole.mp4").unlink()
    return tmp_path / "in"


def plain_lines(done: CliResult) -> list[str]:
    """What the view of a run says where there is no terminal."""
    return [line for line in done.stderr.splitlines() if line.startswith("extract: ")]


def test_good_ones_are_done_bad_ones_named(
    cli: Cli,
    footage: Path,
    tmp_path: Path,
    alone: Callable[..., Finished],
    routine_video: Callable[..., Path],
) -> None:
    done = cli("extract", "--videos", footage, tmp_path / "gone.mp4", *MINI)
    assert done.exit_code == 1
    assert "2 extracted, 0 complete before, 3 failed" in done.output
    for name in ("gone.mp4: no such file", "text.mp4", "cut.mp4"):
        assert name in done.stderr
    assert "Traceback" not in done.output
    counts = r"extract: 4 of 4 videos \(2 done, 2 failed, 0 complete before\), 13 clips, "
    speed = r"[\d.]+ clips/s, decoding \d+% busy, backbone \d+% busy, 0:00 left"
    assert re.fullmatch(counts + speed, plain_lines(done)[-1])
    assert re.search(r"13 clips in .* clips/s once started; .* the limit.* busy\)", done.stdout)

    folder = FeatureFolder("features/videos")
    assert folder.ids() == ["a", f"deep/{CAFE}"]
    record = folder.record("a")
    assert record["frame_count"] == 160 and record["fps"] == pytest.approx(25)
    assert record["clip_start_s"] == pytest.approx([0.64 * clip for clip in range(10)])
    at_present = source_stamp(footage / "a.mp4")
    assert record["source"] == at_present | {"digest": content_digest(footage / "a.mp4")}
    versions = json.loads(Path("features/videos/provenance.json").read_text())["versions"]
    assert "torch" in versions
    assert not [path for path in Path("features").rglob("*.tmp")]

    assert np.load(folder.path("a")).tobytes() == alone(footage / "a.mp4").features.tobytes()

    before = folder.path("a").stat().st_mtime_ns
    again = cli("extract", "--videos", footage / "a.mp4", *MINI)
    assert again.exit_code == 0 and "1 complete before" in again.output
    assert folder.path("a").stat().st_mtime_ns == before

    routine_video("in/a.mp4", elements=10, seed=4)
    changed = cli("extract", "--videos", footage / "a.mp4", *MINI)
    assert changed.exit_code == 1
    assert "source file has changed; --overwrite computes it again" in changed.stderr
    assert cli("extract", "--videos", footage / "a.mp4", *MINI, "--overwrite").exit_code == 0


def put(place: RemotePath, content: bytes) -> RemotePath:
    place.write_whole(lambda file: file.write(content))
    return place


def test_extract_from_and_to_a_bucket(
    cli: Cli,
    bucket: RemotePath,
    s3_environment: None,
    temporary: Path,
    routine_video: Callable[..., Path],
    alone: Callable[..., Finished],
) -> None:
    """Two videos of a list whose address says all, one whose server the environment says."""
    names = ("a.mp4", "deep/b 2.mp4", "c.mp4")
    films = [routine_video(f"in/{name}", 3 + index, index) for index, name in enumerate(names)]
    for name, film in zip(names, films, strict=True):
        put(bucket / "in" / name, film.read_bytes())
    put(bucket / "in/text.mp4", b"these are words")
    lines = b"path,id\nin/a.mp4,\nin/deep/b 2.mp4,deep/b 2\n"
    good, listing = put(bucket / "good.csv", lines), bucket / "list.csv"
    put(listing, lines + b"in/text.mp4,\n")
    one_worker = (*MINI, "--workers", "1")
    output, plain = bucket / "features", str(bucket / "in/c.mp4")

    done = cli(
        "extract", "--videos", listing.address, plain, *one_worker, "--output", output.address,
    )  # fmt: skip
    assert done.exit_code == 1, done.output
    assert f"3 extracted, 0 complete before, 1 failed: {output}" in done.output
    assert f"s3://{bucket.host}/in/text.mp4" in done.stderr and str(temporary) not in done.output
    folder = FeatureFolder(output)
    assert folder.ids() == ["a", "c", "deep/b 2"]
    for name, film in zip(("a", "deep/b 2", "c"), films, strict=True):
        assert read_features(folder.path(name)).tobytes() == alone(film).features.tobytes()
    record = folder.record("a")
    assert record["path"] == record["source"]["path"] == f"s3://{bucket.host}/in/a.mp4"
    assert record["source"]["digest"] == content_digest(films[0])

    before = folder.path("a").info()
    again = cli("extract", "--videos", good.address, plain, *one_worker, "--output", str(output))
    assert again.exit_code == 0 and "0 extracted, 3 complete before, 0 failed" in again.output
    assert folder.path("a").info() == before
    assert (
        not list(temporary.glob("aqa-pipeline-copies-*/*"))
        and not (output / ".extracting.json").exists()
    )

    everything = [info.path.read_bytes() for info in output.files()]
    everything += [path.read_bytes() for path in Path("runs").rglob("*.json")]
    everything.append((done.output + again.output).encode())
    assert not [text for text in everything if b"secret" in text]
