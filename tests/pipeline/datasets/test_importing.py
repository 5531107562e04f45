"""``data import``: what people have, in many layouts, comes out as the readers expect it."""

from __future__ import annotations

import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import py7zr
import pytest
import torch
from click.testing import Result as CliResult
from scipy.io import savemat

from aqa.data import DATASETS, Wanted

Cli = Callable[..., CliResult]
CHANNELS = 1024
FISV = "fis-v/swintx_avg_fps25_clip32"


def clips(seed: int, count: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, CHANNELS)).astype(np.float32)


def fisv(folder: Path, videos: int = 4) -> Path:
    """As GDLT gives it."""
    features = folder / "GDLT_data/swintx_avg_fps25_clip32"
    features.mkdir(parents=True)
    for number in range(videos):
        np.save(features / f"{number}.npy", clips(number))
    (folder / "GDLT_data/train.txt").write_text("0 20.1 25 0\n1 21.1 26 0\n2 30 31 0\n")
    (folder / "GDLT_data/test.txt").write_text("3 22.1 27 0\n")
    return folder


def came(cli: Cli, root: Path, *arguments: object, dataset: str = "fisv") -> CliResult:
    done = cli("data", "import", dataset, *arguments, "--data-root", root)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_a_folder_comes_as_hard_links(cli: Cli, root: Path, tmp_path: Path) -> None:
    have = fisv(tmp_path / "have")
    (have / "notes.docx").write_text("x")
    done = came(cli, root, have)
    assert "features: 4 files" in done.output and "labels: 2 files" in done.output
    assert "left out: 1 .docx" in done.output
    source = have / "GDLT_data/swintx_avg_fps25_clip32/0.npy"
    assert os.path.samefile(source, root / FISV / "0.npy")
    features, labels = DATASETS.get("fisv").find(Wanted(root))
    assert features == root / FISV and (labels / "test.txt").is_file()
    rows = [json.loads(line) for line in (root / "fis-v/imports.jsonl").read_text().splitlines()]
    assert len(rows) == 6 and {row["target"] for row in rows} >= {"swintx_avg_fps25_clip32/3.npy"}
    # Again: nothing happens; with other content: nothing is overwritten.
    assert "features: 4 files there already" in came(cli, root, have).output
    other = tmp_path / "other"
    other.mkdir()
    np.save(other / "1.npy", clips(9))
    refused = cli("data", "import", "fisv", other, "--data-root", root)
    assert refused.exit_code == 1 and "nothing is overwritten" in refused.stderr
    np.testing.assert_array_equal(np.load(root / FISV / "1.npy"), clips(1))
    assert cli("data", "import", "fisv", tmp_path / "no", "--data-root", root).exit_code == 2


@pytest.mark.parametrize("way", ["--move", "--copy"])
def test_files_are_moved_or_copied(cli: Cli, root: Path, tmp_path: Path, way: str) -> None:
    have = fisv(tmp_path / "have")
    came(cli, root, have, way)
    source = have / "GDLT_data/swintx_avg_fps25_clip32/0.npy"
    assert source.exists() is (way == "--copy")
    assert (root / FISV / "0.npy").stat().st_nlink == 1


def test_where_no_link_can_be_an_option_is_named(
    cli: Cli, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have = fisv(tmp_path / "have")

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    done = cli("data", "import", "fisv", have, "--data-root", root)
    assert done.exit_code == 2 and "add --copy or --move" in done.stderr
    assert cli("data", "import", "fisv", have, "--data-root", root, "--copy").exit_code == 0


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "7z"])
def test_archives(cli: Cli, root: Path, tmp_path: Path, kind: str) -> None:
    have, archive = fisv(tmp_path / "have"), tmp_path / f"all.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as file:
            for path in have.rglob("*"):
                file.write(path, path.relative_to(have))
    elif kind == "7z":
        with py7zr.SevenZipFile(archive, "w") as file:
            file.writeall(have, "data")
    else:
        with tarfile.open(archive, "w:gz") as file:
            file.add(have, "data")
    came(cli, root, archive)
    np.testing.assert_array_equal(np.load(root / FISV / "2.npy"), clips(2))
    assert sorted(path.name for path in root.iterdir()) == ["fis-v"]
    row = json.loads((root / "fis-v/imports.jsonl").read_text().splitlines()[0])
    assert row["source"].startswith(f"{archive}/")


def test_archives_that_are_not_safe(cli: Cli, root: Path, tmp_path: Path) -> None:
    def refused(archive: Path, said: str) -> None:
        done = cli("data", "import", "fisv", archive, "--data-root", root)
        assert done.exit_code == 2 and said in done.stderr, done.output
        assert list(root.iterdir()) == [] and not (tmp_path / "evil.npy").exists()

    for number, name in enumerate(("../evil.npy", "/tmp/evil.npy", "C:\\evil.npy", "a/../../b")):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as file:
            file.writestr(name, b"x")
        refused(tmp_path / f"{number}.zip", "leads out of the folder")
    with tarfile.open(tmp_path / "link.tar", "w") as file:
        link = tarfile.TarInfo("train.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    refused(tmp_path / "link.tar", "is a link or a device")
    with (
        zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file,
        file.open("0.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(1100):
            member.write(bytes(1 << 20))
    refused(tmp_path / "bomb.zip", "would come out of")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "0.zip").read_bytes()[:-10])
    refused(tmp_path / "cut.zip", "cannot be unpacked")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "nothing of fisv in it")


@pytest.mark.parametrize(
    ("name", "stored", "said"),
    [
        ("one at the middle", lambda x: x[:, None], "without its axes of 1"),
        ("batch in front", lambda x: x[None], "without its axes of 1"),
        ("not pooled to the end", lambda x: x[:, :, None, None, None], "without its axes of 1"),
        ("channels first", lambda x: x.T, "turned, time first"),
        ("float64", lambda x: x.astype(np.float64), "float64 to float32"),
        ("big endian", lambda x: x.astype(">f4"), None),
    ],
)
def test_arrays_of_other_shapes(
    cli: Cli, root: Path, tmp_path: Path, name: str, stored: Callable[..., Any], said: str | None
) -> None:
    (tmp_path / "have").mkdir()
    np.save(tmp_path / "have/7.npy", stored(clips(7)))
    came(cli, root, tmp_path / "have")
    found = np.load(root / FISV / "7.npy")
    assert found.dtype.itemsize == 4 and found.shape == (5, CHANNELS)
    np.testing.assert_allclose(found, clips(7), rtol=1e-6)
    (row,) = map(json.loads, (root / "fis-v/imports.jsonl").read_text().splitlines())
    assert said is None or any(said in line for line in row["turned"])


def test_float16_stays(cli: Cli, root: Path, tmp_path: Path) -> None:
    (tmp_path / "have").mkdir()
    np.save(tmp_path / "have/7.npy", clips(7).astype(np.float16))
    came(cli, root, tmp_path / "have")
    assert np.load(root / FISV / "7.npy").dtype == np.float16


def test_files_of_other_libraries(cli: Cli, root: Path, tmp_path: Path) -> None:
    have = tmp_path / "have"
    have.mkdir()
    torch.save({"1": torch.from_numpy(clips(1)), "2": torch.from_numpy(clips(2))}, have / "some.pt")
    with h5py.File(have / "more.h5", "w") as file:
        file["3"] = clips(3)
    savemat(have / "4.mat", {"feats": clips(4)})
    np.savez(have / "last.npz", **{"5": clips(5)})
    (have / "dict.pkl").write_bytes(pickle.dumps({"6": clips(6)}))
    came(cli, root, have)
    for number in range(1, 7):
        np.testing.assert_array_equal(np.load(root / FISV / f"{number}.npy"), clips(number))


def test_a_choice_is_asked_for(cli: Cli, root: Path, tmp_path: Path) -> None:
    """PAMFN's dictionaries of several streams, names with a stream in them, square arrays."""
    have = tmp_path / "have"
    have.mkdir()
    table = {str(n): {"VST": clips(n), "audio": clips(n)[:, :128]} for n in range(3)}
    np.save(have / "all.npy", np.array(table, dtype=object), allow_pickle=True)
    done = cli("data", "import", "fisv", have, "--data-root", root)
    assert done.exit_code == 2 and not (root / "fis-v").exists()
    assert "several streams: VST (3), audio (3): add --stream NAME" in done.stderr
    assert (
        "there are VST, audio"
        in cli("data", "import", "fisv", have, "--data-root", root, "--stream", "flow").stderr
    )
    came(cli, root, have, "--stream", "VST")
    np.testing.assert_array_equal(np.load(root / FISV / "2.npy"), clips(2))
    came(cli, root, have, "--stream", "audio", "--channels", "128", "--name", "audio")
    assert np.load(root / "fis-v/audio/2.npy").shape == (5, 128)

    named = tmp_path / "named"
    named.mkdir()
    np.save(named / "8_rgb.npy", clips(8))
    np.save(named / "8_fps.npy", np.array(25.0))
    came(cli, root, named, "--stream", "rgb")
    np.testing.assert_array_equal(np.load(root / FISV / "8.npy"), clips(8))

    square = tmp_path / "square"
    square.mkdir()
    np.save(square / "9.npy", clips(9, CHANNELS))
    done = cli("data", "import", "fisv", square, "--data-root", root)
    assert done.exit_code == 1 and "which is time? add --axes TC or CT" in done.stderr
    came(cli, root, square, "--axes", "CT")
    np.testing.assert_array_equal(np.load(root / FISV / "9.npy"), clips(9, CHANNELS).T)


def test_what_is_no_feature_array_is_named_and_the_rest_comes(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    have = tmp_path / "have"
    have.mkdir()
    np.save(have / "1.npy", clips(1))
    np.save(have / "2.npy", np.zeros((5, CHANNELS), int))
    np.save(have / "3.npy", np.full((5, CHANNELS), np.nan, np.float32))
    np.save(have / "4.npy", clips(4)[:, None].repeat(3, 1))
    np.save(have / "5.npy", clips(5)[:, :100])

    class Evil:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {tmp_path}/pwned",)

    np.save(have / "6.npy", np.array({"6": Evil()}, dtype=object), allow_pickle=True)
    (have / "7.npy").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    done = cli("data", "import", "fisv", have, "--data-root", root)
    assert done.exit_code == 1 and (root / FISV / "1.npy").exists()
    for name, said in (("2.npy", "holds int64"), ("3.npy", "NaN or infinity"),
                       ("4.npy", "--pool mean"), ("5.npy", "neither is 1024"),
                       ("6.npy", "it asks for"), ("7.npy", "refused")):  # fmt: skip
        assert any(name in line and said in line for line in done.stderr.splitlines()), name
    assert not (tmp_path / "pwned").exists() and len(list((root / FISV).iterdir())) == 1
    came(cli, root, have / "4.npy", "--pool", "mean")
    np.testing.assert_allclose(np.load(root / FISV / "4.npy"), clips(4), rtol=1e-6)


def test_videos_of_rg(cli: Cli, root: Path, tmp_path: Path, routine_video: Callable) -> None:
    video = routine_video("RG_public/videos/Ball_001.mp4", elements=1)
    folder = tmp_path / "RG_public"
    header = "Video_Name \tDifficulty\tExecution Total Penalty Length\n"
    (folder / "train.txt").write_text(f"{header}Ball_001\t3\t4\t7\t0\t68\n")
    came(cli, root, folder, dataset="rg")
    assert os.path.samefile(video, root / "RG/videos/Ball_001.mp4")
    found = cli("extract", "--dataset", "rg", "--data-root", root, "--dry-run", "--protocol",
                "mini16x112")  # fmt: skip
    assert found.exit_code == 0 and "Ball_001" in found.output
    # The other data set's train.txt is not taken for its own.
    done = cli("data", "import", "fisv", folder, "--data-root", root)
    assert done.exit_code == 2 and "nothing of fisv in it" in done.stderr


@pytest.mark.parametrize("above", ["LOGO", "LOGO/Video_result", "anything/else/there"])
def test_frames_of_logo_in_every_layout(cli: Cli, root: Path, tmp_path: Path, above: str) -> None:
    game = "WorldChampionship2019_free_final"
    picture = cv2.imencode(".jpg", np.zeros((24, 32, 3), np.uint8))[1].tobytes()
    for number in range(2):
        place = tmp_path / "have" / above / game / str(number)
        place.mkdir(parents=True)
        for frame in range(20):
            (place / f"{frame:05d}.jpg").write_bytes(picture)
    labels = tmp_path / "have/LOGO Anno&Split"
    labels.mkdir(exist_ok=True)
    keys = [(game, 0), (game, 1)]
    scores = {key: ["Free", 90.0, None, [19], [1] * 20] for key in keys}
    for name, content in (("anno dict", scores), ("formation_dict", {}),
                          ("train_split3", keys[:1]), ("test_split3", keys[1:])):  # fmt: skip
        (labels / f"{name}.pkl").write_bytes(pickle.dumps(content))
    done = came(cli, root, tmp_path / "have", dataset="logo")
    assert "frames: 40 files" in done.output and "labels: 4 files" in done.output
    stock = json.loads(cli("data", "--data-root", root, "--json").stdout)["datasets"]
    (logo,) = [each for each in stock if each["dataset"] == "logo"]
    found = {row["part"]: row["found"] for row in logo["parts"]}
    assert found == {"labels": 2, "splits": 2, "features": 0, "footage": 2}
    assert logo["allows"] == ["extract --dataset logo", "train, once its features are extracted"]
    twice = tmp_path / "have/again" / game / "0"
    twice.mkdir(parents=True)
    (twice / "0.jpg").write_bytes(picture)
    done = cli("data", "import", "logo", tmp_path / "have", "--data-root", root)
    assert done.exit_code == 2 and f"{game}_0: twice" in done.stderr


def test_a_password_is_one_line(cli: Cli, root: Path, tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w", password="x") as file:
        file.writestr(b"words", "train.txt")
    done = cli("data", "import", "fisv", tmp_path / "a.7z", "--data-root", root)
    assert (
        done.exit_code == 2
        and "a.7z: it has a password" in done.stderr
        and "Traceback" not in done.output
    )
