"""``data export`` and back: every number, every record, every label."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import Result as CliResult

from aqa.data import FeatureFolder, read_table

Cli = Callable[..., CliResult]


@pytest.mark.parametrize("kind", ["parquet", "webdataset"])
@pytest.mark.parametrize("dtype", ["<f4", "<f2"])
def test_there_and_back(
    cli: Cli, own_data: tuple[Path, Path], kind: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.datasets.exporting.SHARD", 7)
    features, labels = own_data
    for path in features.glob("*.npy"):
        np.save(path, np.load(path).astype(dtype))
    options = ("--features", features, "--labels", labels, "--format", kind)
    done = cli("data", "export", "own", "out", *options)
    assert done.exit_code == 0, done.output
    back = cli("data", "restore", "out", "back")
    assert back.exit_code == 0, back.output
    ours, theirs = FeatureFolder(features), FeatureFolder(Path("back/features"))
    assert sorted(theirs.ids()) == sorted(ours.ids()) and len(ours.ids()) > 7
    for name in ours.ids():
        assert theirs.path(name).read_bytes() == ours.path(name).read_bytes()
        assert theirs.record(name) == ours.record(name)
    assert theirs.origin() == ours.origin()
    before, after = (
        {row.video_id: row.score for row in (*table.train, *table.test)}
        for table in (read_table(labels), read_table(Path("back/labels.csv")))
    )
    assert after == before and len(after) == len(ours.ids())


def test_other_tools_read_it(cli: Cli, own_data: tuple[Path, Path]) -> None:
    features, labels = own_data
    options = ("--features", features, "--labels", labels)
    assert cli("data", "export", "own", "p", *options).exit_code == 0
    table = pq.read_table(
        "p/train-00000.parquet", columns=["id", "features", "score_score", "split"]
    )
    first = table.slice(0, 1).to_pylist()[0]
    np.testing.assert_array_equal(
        np.array(first["features"], np.float32), np.load(features / f"{first['id']}.npy")
    )
    card = Path("p/README.md").read_text()
    assert "data_files:" in card and "path: train-*.parquet" in card
    assert cli("data", "export", "own", "w", *options, "--format", "webdataset").exit_code == 0
    for path in Path("w").glob("*.tar"):
        with tarfile.open(path) as archive:
            names = archive.getnames()
        keys = {name.split(".")[0] for name in names}
        assert sorted(names) == sorted(f"{key}.{end}" for key in keys for end in ("json", "npy"))


def test_a_published_one_keeps_both_scores(cli: Cli, tmp_path: Path) -> None:
    root = tmp_path / "root/fis-v/swintx_avg_fps25_clip32"
    root.mkdir(parents=True)
    for number in range(3):
        np.save(root / f"{number}.npy", np.full((4, 1024), number, np.float16))
    (root / "train.txt").write_text("0 20.125 25 0\n1 21.1 26 0\n")
    assert cli("data", "export", "fisv", "out", "--data-root", tmp_path / "root").exit_code == 0
    about = json.loads(Path("out/aqa-export.json").read_text())
    assert about["videos"] == 3 and about["shards"] == {"train": 1, "unlabelled": 1}
    assert cli("data", "restore", "out", "back").exit_code == 0
    lines = Path("back/labels.csv").read_text().split()
    assert lines[0] == "id,split,pcs,tes" and lines[1] == "0,train,25.0,20.125"
    assert len(list(Path("back/features").glob("*.npy"))) == 3


def test_what_is_broken_off_leaves_no_folder(
    cli: Cli, own_data: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--features", own_data[0], "--labels", own_data[1])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.datasets.exporting._write_parquet", stop)
        done = cli("data", "export", "own", "out", *options)
    assert done.exit_code == 130 and "the same command begins anew" in done.stderr
    assert not Path("out").exists()
    assert cli("data", "export", "own", "out", *options).exit_code == 0
    assert not Path(".out.part").exists() and Path("out/README.md").exists()


def test_what_is_refused(cli: Cli, own_data: tuple[Path, Path]) -> None:
    assert "give --features DIR and --labels" in cli("data", "export", "own", "x").stderr
    Path("full").mkdir()
    Path("full/a").write_text("x")
    options = ("--features", own_data[0], "--labels", own_data[1])
    assert "full is not empty" in cli("data", "export", "own", "full", *options).stderr
    assert "full is no whole export" in cli("data", "restore", "full", "y").stderr
