"""train from the command line: what it picks, what it leaves, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from click.testing import Result as CliResult
from quick import SMALL_MODEL, set_options

from aqa import load_checkpoint, load_config, load_dataset
from aqa.data.features import FeatureOrigin
from aqa.experiments.runs import RunResult, plan
from pipeline import training
from pipeline.cluster import session
from pipeline.cluster.session import RayOptions
from pipeline.training import over_ray
from pipeline.workspace.console import Console
from pipeline.workspace.run_folder import LastExtraction, RunFolder

Cli = Callable[..., CliResult]
SMALL = set_options("training.epochs=3", *SMALL_MODEL)


def test_own_scores(cli: Cli, own_data: tuple[Path, Path], origin: FeatureOrigin) -> None:
    features, labels = own_data
    done = cli("train", "--labels", labels, "--features", features, *SMALL)
    assert done.exit_code == 0, done.output
    assert "epoch kept: last epoch" in done.output and "Spearman" in done.output
    assert "4 videos are too few" in done.output
    last = RunFolder(Path("runs")).last_training()
    model = load_checkpoint(last.checkpoint)
    # The range of the training scores: the test scores (10 is one) are not looked at.
    assert model.info.origin == origin and model.info.score_range == (11.0, 21.0)
    assert model.info.training_videos == 8 and model.info.epochs == 3
    run = Path(last.checkpoint).parents[2]
    assert list(run.rglob("events.out.tfevents.*"))
    results = json.loads((run / "results.json").read_text())
    assert len(results["runs"]) == 1 and results["runs"][0]["videos"] == 4
    assert {path.name for path in run.glob("*.png")} == {
        "learning-curves.png", "predicted-against-true.png"
    }  # fmt: skip

    scored = cli("score", features / "v3.npy", "--json")
    assert json.loads(scored.stdout)["results"][0]["checkpoint"] == last.checkpoint


def test_trainings_need_no_ray(
    cli: Cli, own_data: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = own_data
    monkeypatch.setattr(over_ray, "driven", None)
    done = cli(
        "train", "--labels", labels, "--features", features, *SMALL, "--folds", "2",
        "--ray-address", "none", "--output", tmp_path / "run",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "2 trainings in this process, one after the other ..." in done.stdout
    assert "train: 6/6 epochs" in done.stderr
    assert len(list((tmp_path / "run").rglob("model.pt"))) == 2


def test_after_own_extraction_labels_are_enough(cli: Cli, own_data: tuple[Path, Path]) -> None:
    features, labels = own_data
    # A data root for other commands does not stand in the way.
    Path("aqa.yaml").write_text("data_root: .")
    RunFolder(Path("runs")).remember(LastExtraction(None, str(features), None, "today"))
    done = cli("train")
    assert done.exit_code == 2 and "--labels FILE" in done.stderr
    done = cli("train", "--labels", labels, *SMALL)
    assert done.exit_code == 0, done.output
    assert f"features: {features}, extracted last (today)" in done.output


def test_without_a_test_split_it_trains_all_the_same(
    cli: Cli, own_data: tuple[Path, Path], tmp_path: Path
) -> None:
    features, labels = own_data
    plain = tmp_path / "plain.csv"
    plain.write_text(
        labels.read_text().replace(",test", "").replace(",train", "").replace(",split", "")
    )
    done = cli("train", "--labels", plain, "--features", features, *SMALL, "--seeds", "0,1",
               "--ray-address", "none")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "everything is training data" in done.output
    assert load_checkpoint(RunFolder(Path("runs")).last_training().checkpoint).info.seed == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing extracted yet"),
        (("--config", "figure"), "neither a config file nor a shipped experiment"),
        (("--config", "fisv-pcs"), "no data root"),
        (("--config", "fisv-pcs", "--data-root", "."), "fisv"),
        (("--labels", "gone.csv", "--features", "."), "gone.csv"),
        (("--config", "own", "--set", "training.epoch=3"), "did you mean epochs?"),
        (("--config", "own", "--set", "training.epochs=many"), "training.epochs"),
        (("--config", "own", "--seeds", "1,1"), "--seeds 1,1: the same number twice"),
        (("--config", "own", "--seeds", "a,b"), "--seeds a,b: expected whole numbers"),
        (("--config", "own", "--init-config", "gone/mine.yaml"), "gone/mine.yaml"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    done = cli("train", *arguments)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()
    assert words in line and line.startswith("error: ")


@pytest.mark.parametrize(("gpus", "device"), [(2.0, "cuda"), (0.0, "cpu")])
def test_the_device_is_that_of_the_cluster_that_is_joined(
    cli: Cli,
    own_data: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    gpus: float,
    device: str,
) -> None:
    asked: list[tuple[str, RayOptions]] = []
    monkeypatch.setattr(session, "driven", lambda work, options, limit_s: iter([gpus]))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # none on this machine
    monkeypatch.setattr(
        training,
        "run_training",
        lambda dataset, config, request, console: asked.append((request.device, request.ray)),
    )
    features, labels = own_data
    of = ("train", "--labels", labels, "--features", features)
    done = cli(*of, "--ray-address", "head:6379")
    assert done.exit_code == 0, done.output
    assert asked == [(device, RayOptions("head:6379"))]
    assert cli(*of, "--device", "cuda").exit_code == 2 and len(asked) == 1


def test_a_single_training_too_goes_to_the_cluster_that_is_joined(
    own_data: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = own_data
    dataset = load_dataset(load_config("own"), features=features, labels=labels)
    (task,) = plan(load_config("own"), dataset, tmp_path / "run")
    result = RunResult("test", 0, tmp_path / "model.pt", "last epoch", 1, None)
    monkeypatch.setattr(
        over_ray, "driven", lambda *arguments, limit_s: (e for e in [over_ray.Ended(0, result)])
    )
    options = RayOptions("head:6379")
    assert over_ray.run_all([task], options, Console(quiet=True)) == [result]


def test_runs_begun_in_the_same_second_have_a_folder_each(tmp_path: Path) -> None:
    runs = RunFolder(tmp_path / "runs")
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        entered = pool.map(lambda _: stack.enter_context(runs.new_run("own")), range(24))
        folders = list(entered)
        assert len(set(folders)) == 24 and all(folder.is_dir() for folder in folders)
        (folders[0] / "model.pt").touch()
    # Those that nothing was put into are gone.
    assert list((tmp_path / "runs").iterdir()) == [folders[0]]


def test_a_training_that_fails_leaves_no_empty_run_folder(
    cli: Cli, own_data: tuple[Path, Path]
) -> None:
    features, labels = own_data
    done = cli("train", "--labels", labels, "--features", features, "--only-fold", "1")
    assert done.exit_code == 2 and "give --folds" in done.stderr
    assert not Path("runs").exists() or list(Path("runs").iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{", b"\xff\xfe", '{"train": "x"}', '{"train": {"config": "own"}}']
)
def test_a_damaged_memory_is_no_memory(cli: Cli, text: str | bytes) -> None:
    Path("runs").mkdir()
    Path("runs/last.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = cli("score", "a.npy")
    assert done.exit_code == 2 and "nothing trained yet" in done.stderr
    RunFolder(Path("runs")).remember(LastExtraction(None, "f", None, "today"))
    assert RunFolder(Path("runs")).last_extraction().features == "f"
