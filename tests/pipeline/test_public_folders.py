"""Cases 22 to 30 of the shared cases as they lie there: frames, layouts, features, labels, names.

Each is made by its own ``make.sh`` (FFmpeg's program for those with videos) and goes through the
command that reads it; what must come out is what its ``case.md`` says.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import TINY

from aqa import save_checkpoint
from aqa.models import RidgeConfig, build_model
from aqa.models.base import ModelInfo

Cli = Callable[..., CliResult]
NO_RAY = ("--ray-address", "none")


@pytest.fixture(scope="module")
def made(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """``made(22)`` is the folder of case 22, complete."""

    def make(number: int) -> Path:
        (case,) = (shared / "cases").glob(f"{number}-*")
        if "ffmpeg" in (case / "make.sh").read_text() and not shutil.which("ffmpeg"):
            pytest.skip("needs Debian's ffmpeg")
        folder = tmp_path_factory.getbasetemp() / f"case{number}"
        if not folder.exists():
            shutil.copytree(case, folder)
            subprocess.run(["bash", "make.sh"], cwd=folder, check=True, capture_output=True)
        return folder

    return make


def failures(folder: Path) -> dict[str, str]:
    path = folder / "failures.jsonl"
    if not path.exists():
        return {}
    rows = map(json.loads, path.read_text().splitlines())
    return {row["path"]: row["reason"] for row in rows}


def clips(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix().removesuffix(".npy"): len(np.load(path))
        for path in folder.rglob("*.npy")
    }


def test_folders_of_frames(made: Callable[[int], Path], cli: Cli, tmp_path: Path) -> None:
    case = made(22)
    names = sorted(path.name for path in case.iterdir() if path.is_dir())
    done = cli("extract", "--videos", *(case / n for n in names), "--output", "out", *TINY, *NO_RAY)
    assert done.exit_code in (0, 1) and "Traceback" not in done.output
    read, refused = clips(tmp_path / "out"), failures(tmp_path / "out")
    for name in names:
        if name == "d_jpg_and_png":
            assert name not in read and any(name in path for path in refused)
        else:
            assert read[name] == 2, name  # of 16 frames, of 40
    assert re.search(r"c_gap: .*9 .*missing", done.output), done.output
    assert re.search(r"k_other_files: .*cover\.jpg", done.output)


@pytest.mark.parametrize(
    ("dataset", "root", "raw"),
    [("logo", "a", "LOGO"), ("rg", "b", "RG_public/videos"), ("fisv", "c", "fis-v/video")],
)
def test_data_sets_as_their_pages_have_them(
    made: Callable[[int], Path], cli: Cli, tmp_path: Path, dataset: str, root: str, raw: str
) -> None:
    """The line says which setting finds them, and with that they are found."""
    ask = ("extract", "--dataset", dataset, "--data-root", made(24) / root, "--output", "out")
    quick = (*TINY, *NO_RAY)
    done = cli(*ask, *quick)
    assert done.exit_code == 2 and f"raw: {{{dataset}: FOLDER}}" in done.output
    (tmp_path / "aqa.yaml").write_text(f"raw: {{{dataset}: {raw}}}\n")
    done = cli(*ask, *quick)
    assert done.exit_code == 0, done.output
    assert len(clips(tmp_path / "out")) == 3


# What the line says of each of the 17 that cannot be read.
REFUSED = dict.fromkeys("fghjkp", "expected [clips, channels]") | {
    "i": "8 wide", "l": "Object arrays", "m": "Object arrays", "n": "int32", "o": "NaN",
    "q": "a ZIP archive", "r": "a pickle", "s": "no readable feature file",
    "t": "no readable feature file", "u": "no readable feature file", "v": "a MATLAB file",
}  # fmt: skip


def test_feature_files_of_other_extractors(
    made: Callable[[int], Path], cli: Cli, tmp_path: Path
) -> None:
    case = made(25)
    model = build_model(RidgeConfig(segments=2), 1024, ModelInfo(training_videos=3)).eval()
    model.coefficients.uniform_(-1, 1)
    checkpoint = save_checkpoint(model, tmp_path / "model.pt")
    done = cli("score", *sorted((case / "one").iterdir()), "--checkpoint", checkpoint, "--json")
    assert done.exit_code == 1 and "Traceback" not in done.output
    given = {Path(each["video"]).stem: each for each in json.loads(done.stdout)["results"]}
    scores = {name: each["score"] for name, each in given.items() if "error" not in each}
    assert sorted(name[0] for name in scores) == list("abcde")
    exact = scores.pop("a_plain")
    assert scores.pop("c_float16") == pytest.approx(exact, abs=0.05)
    assert set(scores.values()) == {exact}
    why = {name: each["error"] for name, each in given.items() if "error" in each}
    assert len(why) == 22 - 5 and all("\n" not in reason for reason in why.values())
    for name, words in REFUSED.items():
        (reason,) = (why[stem] for stem in why if stem.startswith(f"{name}_"))
        assert words in reason, reason


def test_bad_files_of_a_training_are_named_together(made: Callable[[int], Path], cli: Cli) -> None:
    case = made(25)
    done = cli("train", "--labels", case / "labels.csv", "--features", case / "folder")
    assert done.exit_code == 2
    assert all(f"v{number:02}" in done.output for number in (0, 3, 6, 9))


def test_feature_files_with_names_of_other_tools(made: Callable[[int], Path], cli: Cli) -> None:
    case = made(26)
    features = case / "a_video_features"
    done = cli("train", "--labels", case / "labels.csv", "--features", features)
    assert done.exit_code == 2 and len(done.stderr.splitlines()) <= 3
    assert "run00_rgb" in done.output or "run00_flow" in done.output
    done = cli("train", "--labels", case / "labels.csv", "--features", case / "c_pamfn_dict")
    assert done.exit_code == 2 and "Traceback" not in done.output


SCORES = {
    "001": 10.5, "002": 20.25, "Müller_kür": 7, "IMG_0003": 8.75, "b/run 4": 9, "run.v2": 11.5,
    "run_6": 12, "run_7": 13.25,
}  # fmt: skip
READ = {0, 1, 10, 11, 12, 13, 19, 25}


@pytest.mark.parametrize("number", range(30))
def test_labels_as_spreadsheets_save_them(made: Callable[[int], Path], number: int) -> None:
    """The scores, or one line with the file's name; never another score."""
    from aqa import AqaError, load_config, load_dataset

    case = made(27)
    (path,) = (case / "labels").glob(f"{number:02}_*")
    try:
        data = load_dataset(load_config("own"), features=case / "features", labels=path)
    except AqaError as error:
        assert number not in READ, error
        assert "\n" not in str(error) and path.name in str(error)
        return
    assert {e.id: e.score for e in (*data.train, *data.test)} == SCORES


def test_names_of_a_mac(made: Callable[[int], Path]) -> None:
    from aqa import load_config, load_dataset

    case = made(28)
    data = load_dataset(
        load_config("own"), features=case / "features", labels=case / "labels_nfc.csv"
    )
    assert sorted(e.score for e in (*data.train, *data.test)) == [5, 6, 7, 8]


def test_odd_and_long_names(made: Callable[[int], Path], cli: Cli, tmp_path: Path) -> None:
    case = made(29)
    done = cli("extract", "--videos", case / "videos", "--output", "out", *TINY, *NO_RAY)
    assert done.exit_code == 0, done.output
    assert len(clips(tmp_path / "out")) == 26  # all but .hidden
    done = cli("extract", "--videos", case / "same_id", "--output", "same", *TINY, *NO_RAY)
    assert done.exit_code == 0
    assert set(clips(tmp_path / "same")) == {"IMG_0001.mp4", "IMG_0001.MOV", "IMG_0002"}
    done = cli("extract", "--videos", case / "links", "--output", "links", *TINY, *NO_RAY)
    assert done.exit_code == 1 and "broken" in done.output
    brackets = "[2024] finals (a)"
    done = cli("extract", "--videos", case / brackets, "--output", f"{brackets}/o", *TINY, *NO_RAY)
    assert done.exit_code == 0 and set(clips(tmp_path / brackets)) == {"o/run 1"}


def test_files_that_are_not_what_their_name_says(
    made: Callable[[int], Path], cli: Cli, tmp_path: Path
) -> None:
    case = made(30)
    done = cli("extract", "--videos", case / "videos", "--output", "out", *TINY, *NO_RAY)
    assert done.exit_code == 1 and "Traceback" not in done.output
    read = clips(tmp_path / "out")
    assert read == dict.fromkeys(("a_webm_named", "b_ts_named", "c_ok", "j_folder.mp4/inside"), 2)
    why = {Path(path).name[0]: reason for path, reason in failures(tmp_path / "out").items()}
    assert set("defglmno") <= set(why) <= set("defgklmno")
    assert "web page" in why["d"] and "Git LFS" in why["e"]
