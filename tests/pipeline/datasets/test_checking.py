"""``data`` and ``data check``: what is there, what is wrong with it, whether two copies agree."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult

Cli = Callable[..., CliResult]


@pytest.fixture
def root(tmp_path: Path, routine_video: Callable[..., Path]) -> Path:
    """Four labelled videos of Fis-V, one without features, footage of two."""
    features = tmp_path / "root/fis-v/swintx_avg_fps25_clip32"
    features.mkdir(parents=True)
    for number in range(3):
        clips = np.random.default_rng(number).normal(size=(5, 1024)).astype(np.float32)
        np.save(features / f"{number}.npy", clips)
    (features / "train.txt").write_text("0 20.1 25 0\n1 21.1 26 0\n2 30 31 0\n")
    (features / "test.txt").write_text("3 22.1 27 0\n")
    for number in range(2):
        routine_video(f"root/fis-v/videos/{number}.mp4", elements=4, seed=number)
    return tmp_path / "root"


def report(cli: Cli, root: Path, *options: object, status: int = 0) -> dict:
    done = cli("data", "check", "fisv", "--data-root", root, "--json", *options)
    assert done.exit_code == status, done.output
    return json.loads(done.stdout)


def test_the_stock_says_what_is_missing(cli: Cli, root: Path) -> None:
    features = root / "fis-v/swintx_avg_fps25_clip32"
    shutil.copyfile(features / "0.npy", features / "9.npy")
    (features / "2.npy").write_bytes((features / "2.npy").read_bytes()[:-8])
    document = json.loads(cli("data", "--data-root", root, "--json").stdout)
    (fisv,) = [each for each in document["datasets"] if each["dataset"] == "fisv"]
    rows = {row["part"]: row for row in fisv["parts"]}
    assert rows["labels"]["found"] == 4 and rows["labels"]["expected"] == 500
    assert "3 train, 1 test" in rows["splits"]["notes"]
    said = " ".join(rows["features"]["notes"])
    assert "1 without label: 9" in said and "1 missing: 3" in said
    assert "cannot be read: 2 (" in said and "the same content: 0 = 9" in said
    assert rows["footage"]["found"] == 2 and "2 missing: 2, 3" in rows["footage"]["notes"]
    assert fisv["allows"] == ["extract --dataset fisv"]
    shown = cli("data", "--data-root", root).output
    assert "rg Ball: nothing is there (aqa-pipeline data where rg)" in shown


def test_everything_is_read_and_has_a_digest(cli: Cli, root: Path) -> None:
    found = report(cli, root)
    assert found["counts"] == {"labels": 2, "features": 3, "footage": 2}
    assert found["problems"] == [] and set(found["digests"]) == {
        "labels", "features", "footage", "all",
    }  # fmt: skip
    by_id = {(each["kind"], each["id"]): each for each in found["files"]}
    assert by_id["features", "0"]["facts"]["shape"] == [5, 1024]
    assert by_id["footage", "1"]["facts"]["frames"] == 64
    assert by_id["footage", "1"]["facts"]["codec"] == "h264"
    assert len(by_id["features", "0"]["digest"]) == 64
    one = report(cli, root, "--processes", "1", "--output", "alone")
    assert one["digests"] == found["digests"]


def test_what_is_wrong_is_named(cli: Cli, root: Path) -> None:
    features = root / "fis-v/swintx_avg_fps25_clip32"
    np.save(features / "0.npy", np.full((5, 1024), 1e6, np.float32))
    np.save(features / "1.npy", np.zeros((5, 1024), np.float32))
    np.save(features / "2.npy", np.zeros((5, 512), np.float32))
    video = root / "fis-v/videos/0.mp4"
    video.write_bytes(video.read_bytes()[:-2000])
    problems = report(cli, root, status=1)["problems"]
    assert len(problems) == 4
    for said in ("0: values up to 1e+06", "1: every number is 0", "2: features are 512 wide",
                 "0: an MP4 without its index"):  # fmt: skip
        assert any(said in line for line in problems), said
    assert not any(str(root) in line for line in problems)


def test_another_copy_is_the_same_data(cli: Cli, root: Path, tmp_path: Path) -> None:
    ours = report(cli, root)
    other = tmp_path / "other/GDLT_data"
    shutil.copytree(root / "fis-v/swintx_avg_fps25_clip32", other / "swintx_avg_fps25_clip32")
    shutil.copytree(root / "fis-v/videos", other / "fis-v/videos")
    kept = Path("data-check/fisv.json").rename("ours.json")
    theirs = report(cli, tmp_path / "other", "--against", kept)
    assert theirs["digests"] == ours["digests"] and theirs["differences"] == []
    clips = other / "swintx_avg_fps25_clip32/1.npy"
    np.save(clips, np.load(clips) + 1)
    (other / "fis-v/videos/0.mp4").unlink()
    apart = report(cli, tmp_path / "other", "--against", kept, status=1)["differences"]
    assert apart == ["features: 1 different: 1", "footage: 1 only there: 0"]
    shown = cli("data", "check", "fisv", "--data-root", tmp_path / "other", "--against", kept)
    assert "not the data of ours.json:" in shown.output
    Path("no.json").write_text("{}")
    refused = cli("data", "check", "fisv", "--data-root", root, "--against", "no.json")
    assert refused.exit_code == 2 and "no report of `data check`" in refused.stderr


def test_what_has_not_changed_is_not_read_again(cli: Cli, root: Path) -> None:
    """A run that was killed left a journal, its last line cut off."""
    report(cli, root)
    kept = json.loads(Path("data-check/fisv.json").read_text())
    for each in kept["files"]:
        each["digest"] = f"from {each['id']}"  # so that one sees where it is from
    lines = [json.dumps(each) for each in kept["files"]]
    Path("data-check/fisv.json").unlink()
    journal = Path("data-check/fisv.partial.jsonl")
    journal.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:30])
    features = root / "fis-v/swintx_avg_fps25_clip32"
    np.save(features / "0.npy", np.load(features / "1.npy") + 1)  # changed since
    found = {(each["kind"], each["id"]): each["digest"] for each in report(cli, root)["files"]}
    fresh = [key for key, digest in found.items() if not digest.startswith("from ")]
    assert sorted(fresh) == [("features", "0"), ("labels", "train.txt")]
    assert not journal.exists()


def test_nothing_and_nowhere(cli: Cli, tmp_path: Path) -> None:
    done = cli("data", "check", "logo", "--data-root", tmp_path)
    assert done.exit_code == 2 and "nothing of logo is there" in done.stderr
    done = cli("data", "check", "x", "--data-root", tmp_path)
    assert done.exit_code == 2 and "fisv" in done.stderr and "logo" in done.stderr
    for name in ("fisv", "rg", "logo"):
        found = json.loads(cli("data", "where", name, "--json").stdout)
        assert found["title"] and len(found["parts"]) >= 2
        assert set(found["parts"][0]) == {"part", "by", "page", "called", "size", "terms", "read",
                                          "then"}  # fmt: skip
        assert "2026" in cli("data", "where", name).output
