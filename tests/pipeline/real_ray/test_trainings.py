"""Trainings over a Ray of this machine: the weights of one process, also after kill -9."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from click.testing import Result as CliResult
from quick import COMMAND, SMALL_MODEL
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
    ScalarEvent,
)

from aqa import load_config, load_dataset
from aqa.experiments.runs import Run, plan, run
from pipeline.cluster.session import RayOptions
from pipeline.training.over_ray import run_all
from pipeline.workspace.console import Console
from pipeline.workspace.run_folder import RunFolder

T = TypeVar("T")
SameWeights = Callable[[Path, Path], int]
SETTINGS = ("training.epochs=80", *SMALL_MODEL)
# Python runs it as it starts: Ray's workers then write a snapshot at the end of every epoch.
SNAPSHOTS_ALWAYS = """
import sys
if any("default_worker.py" in part for part in sys.orig_argv):
    import aqa.training.snapshot
    aqa.training.snapshot.EVERY_S = 0.0
"""
WAIT_S = 120.0


@pytest.fixture
def snapshots_always(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SNAPSHOTS_ALWAYS)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


def options(settings: Sequence[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


def two_folds(own_data: tuple[Path, Path], output: Path) -> list[Run]:
    config = load_config("own", SETTINGS)
    dataset = load_dataset(config, features=own_data[0], labels=own_data[1])
    return plan(config, dataset, output, folds=2)


def wait_for(found: Callable[[], T]) -> T:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.02)
    raise TimeoutError


def logs(folder: Path) -> list[list[ScalarEvent]]:
    """The losses that each training below ``folder`` logged, from its start to its end or death."""
    found = []
    for path in folder.rglob("events.out.tfevents.*"):
        log = EventAccumulator(str(path)).Reload()
        if "loss/total" in log.Tags()["scalars"]:
            found.append(log.Scalars("loss/total"))
    return sorted(found, key=lambda losses: losses[0].wall_time)


def went_on(folder: Path) -> bool:
    """Whether one of its trainings did not begin with the first epoch."""
    return max(losses[0].step for losses in logs(folder)) > 1


def suspended_in_mid_training(root: int, folder: Path) -> list[psutil.Process]:
    """Ray's processes below ``root`` that train, stopped as soon as one of the trainings below
    ``folder`` has a snapshot, and none can come to its end any more."""

    def found() -> list[psutil.Process]:
        if not any(folder.rglob("training.pt")):
            return []
        training = below(root, "ray::_train")
        for process in training:
            process.suspend()
        if training and any(folder.rglob("training.pt")):
            return training
        for process in training:  # it has ended meanwhile
            process.resume()
        return []

    return wait_for(found)


def below(root: int, words: str) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(root).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # some end while they are looked at
            if words in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.mark.usefixtures("snapshots_always")
def test_a_run_whose_processes_die_goes_on_to_the_same_weights(
    own_data: tuple[Path, Path],
    same_weights: SameWeights,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """First the process that trains, then the one that drives Ray."""
    runs = two_folds(own_data, tmp_path / "ray")

    def kill() -> None:
        (worker,) = suspended_in_mid_training(os.getpid(), tmp_path / "ray")
        worker.kill()
        worker.wait()
        # Without its driver a worker may still come to the end of its training: it dies, too.
        training = suspended_in_mid_training(os.getpid(), tmp_path / "ray")
        for process in [*below(os.getpid(), "pipeline.cluster.driver"), *training]:
            process.kill()

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill)
        results = run_all(runs, RayOptions(workers=1), Console())
        killing.result()
    warnings = capsys.readouterr().err
    assert "its process died (WorkerCrashedError), it goes on again" in warnings
    assert "was ended by SIGKILL; the trainings go on again" in warnings
    assert went_on(tmp_path / "ray")
    assert results == [run(task) for task in runs]  # finished: read back from the folder
    alone = [run(task) for task in two_folds(own_data, tmp_path / "alone")]
    assert [result.evaluation for result in results] == [result.evaluation for result in alone]
    assert [result.history for result in results] == [result.history for result in alone]
    assert same_weights(tmp_path / "ray", tmp_path / "alone") == 2


@pytest.mark.usefixtures("snapshots_always")
def test_a_killed_command_goes_on_to_the_same_weights(
    own_data: tuple[Path, Path], same_weights: SameWeights, tmp_path: Path
) -> None:
    command = [
        COMMAND, "train", "--labels", str(own_data[1]), "--features", str(own_data[0]),
        *options(SETTINGS), "--folds", "2", "--output", "killed",
    ]  # fmt: skip
    started = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    suspended_in_mid_training(started.pid, tmp_path / "killed")
    workers = psutil.Process(started.pid).children(recursive=True)
    os.kill(started.pid, signal.SIGKILL)
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    started.wait()
    psutil.wait_procs(workers, timeout=WAIT_S)
    assert not (tmp_path / "killed/results.json").exists()
    assert len(list((tmp_path / "killed").rglob("result.json"))) < 2

    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (tmp_path / "killed/results.json").is_file() and went_on(tmp_path / "killed")
    assert not list((tmp_path / "killed").rglob("training.pt"))
    for task in two_folds(own_data, tmp_path / "alone"):
        run(task)
    assert same_weights(tmp_path / "killed", tmp_path / "alone") == 2


def test_folds_and_seeds_make_a_table_and_no_scorer(
    cli: Callable[..., CliResult],
    own_data: tuple[Path, Path],
    same_weights: SameWeights,
    tmp_path: Path,
) -> None:
    features, labels = own_data
    settings = ("training.epochs=3", *SMALL_MODEL)
    asked = (
        "train", "--labels", labels, "--features", features, *options(settings),
        "--folds", "2", "--seeds", "0,1", "--output", tmp_path / "run",
    )  # fmt: skip
    done = cli(*asked)
    assert done.exit_code == 0, done.output
    for words in ("std over folds", "std over seeds", "95 % bootstrap", "trains no scorer"):
        assert words in done.output
    assert "train: 12/12 epochs" in done.stderr  # those of the four runs together
    assert RunFolder(Path("runs")).last_training() is None
    with (tmp_path / "run/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    # Two folds of the eight training videos, with two seeds; no test video among them.
    assert len(rows) == 16 and not {row["id"] for row in rows} & {"v0", "v3", "v6", "v9"}

    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("model.pt")}
    assert len(before) == 4
    assert cli(*asked).exit_code == 0
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("model.pt")}

    config = load_config("own", settings)
    dataset = load_dataset(config, features=features, labels=labels)
    for task in plan(config, dataset, tmp_path / "alone", folds=2, seeds=[0, 1]):
        run(task)  # in this process, where the command spread them over Ray
    assert same_weights(tmp_path / "run", tmp_path / "alone") == 4

    one = cli(*asked[:-4], "--only-fold", "1", "--output", tmp_path / "one")
    assert one.exit_code == 0, one.output
    assert len(list((tmp_path / "one").rglob("model.pt"))) == 1
    none = cli(*asked, "--only-fold", "7")
    assert none.exit_code == 2 and "the folds are 0, 1" in none.stderr
