"""Trainings on real Ray: the weights of one process, also after a process was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import Result as CliResult
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
    ScalarEvent,
)

from aqa import load_config, load_dataset
from aqa.experiments.runs import Run, plan, run
from pipeline.cluster.session import RayOptions
from pipeline.training.over_ray import run_all
from pipeline.workspace.console import Console

SameWeights = Callable[[Path, Path], int]
COMMAND = Path(sys.executable).parent / "aqa-pipeline"
EPOCHS = 80
SETTINGS = (
    f"training.epochs={EPOCHS}", "model.members=2", "model.hidden=8",
    "model.weight_hidden=4", "model.contexts=[3]",
)  # fmt: skip
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


def two_folds(own_data: tuple[Path, Path], output: Path) -> list[Run]:
    config = load_config("own", SETTINGS)
    dataset = load_dataset(config, features=own_data[0], labels=own_data[1])
    return plan(config, dataset, output, folds=2)


def wait_for(found: Callable[[], object]) -> object:
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


@pytest.mark.usefixtures("snapshots_always")
@pytest.mark.parametrize(
    ("victim", "words"),
    [
        ("ray::_train", "its process died (WorkerCrashedError), it goes on again"),
        ("pipeline.cluster.driver", "was ended by SIGKILL; the trainings go on again"),
    ],
)
def test_a_run_whose_process_dies_goes_on_to_the_same_weights(
    victim: str,
    words: str,
    own_data: tuple[Path, Path],
    same_weights: SameWeights,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = two_folds(own_data, tmp_path / "ray")

    def processes() -> list[psutil.Process]:
        if not any((tmp_path / "ray").rglob("training.pt")):
            return []
        found = []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # some end while they are looked at
                if victim in " ".join(process.cmdline()):
                    found.append(process)
        return found

    killer = threading.Thread(target=lambda: wait_for(processes)[0].kill())
    killer.start()
    results = run_all(runs, RayOptions(workers=1), Console())
    killer.join()
    assert words in capsys.readouterr().err
    # Without its driver a worker may still come to the end of its training.
    assert went_on(tmp_path / "ray") or victim == "pipeline.cluster.driver"
    assert results == [run(task) for task in runs]  # finished: read back from the folder
    alone = [run(task) for task in two_folds(own_data, tmp_path / "alone")]
    assert [result.evaluation for result in results] == [result.evaluation for result in alone]
    assert [result.history for result in results] == [result.history for result in alone]
    assert same_weights(tmp_path / "ray", tmp_path / "alone") == 2


@pytest.mark.usefixtures("snapshots_always")
def test_a_killed_command_goes_on_to_the_same_weights(
    own_data: tuple[Path, Path], same_weights: SameWeights, tmp_path: Path
) -> None:
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [
        str(COMMAND), "train", "--labels", str(own_data[1]), "--features", str(own_data[0]),
        *settings, "--folds", "2", "--output", "killed",
    ]  # fmt: skip
    started = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: any((tmp_path / "killed").rglob("training.pt")))
    workers = psutil.Process(started.pid).children(recursive=True)
    os.kill(started.pid, signal.SIGKILL)
    for worker in workers:
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


def test_a_run_that_fails_is_one_line(
    cli: Callable[..., CliResult], own_data: tuple[Path, Path]
) -> None:
    features, labels = own_data
    np.save(features / "v1.npy", np.full((5, 8), np.nan, dtype=np.float32))
    done = cli("train", "--labels", labels, "--features", features, "--folds", "2")
    assert done.exit_code == 2, done.output
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: held out") and "v1.npy: NaN or infinity in 5" in last
