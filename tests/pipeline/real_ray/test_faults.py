"""kill -9 of each part of an extraction: the same bits, each once, nothing left over.

A moment is a number of videos that are complete. One for each part; AQA_FAULT_MOMENTS=5
(``make test-faults``) for five of each.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from quick import SPEC
from watched import Watched, check, oldest, processes

from aqa.data.features import FeatureFolder
from pipeline.demo.drawn import random_routine, write_video
from pipeline.extraction.folder.origin import feature_origin
from pipeline.extraction.stages.assembly import Finished
from pipeline.footage.stamps import source_stamp

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="watches files with inotify"),
    pytest.mark.timeout(600),  # two runs, each of which has a limit of its own
]

MOMENTS = range(int(os.environ.get("AQA_FAULT_MOMENTS", "1")))
VIDEOS, DRAWN = 16, 3  # so many that each part still has work when its turn to be killed comes


@dataclass(frozen=True)
class Footage:
    """``features``: the bytes of each video's features, from one process that nothing disturbs."""

    folder: Path
    features: dict[str, bytes]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory, alone: Callable[..., Finished]) -> Footage:
    folder, features = tmp_path_factory.mktemp("footage"), {}
    for number in range(VIDEOS):
        path = folder / f"{number}.mp4"
        if number >= DRAWN:  # drawing takes longer than all else
            shutil.copy(folder / f"{number - DRAWN}.mp4", path)
            features[str(number)] = features[str(number - DRAWN)]
            continue
        rng = np.random.default_rng(number)
        write_video(path, random_routine(rng, 14), rng)
        features[str(number)] = alone(path).features.tobytes()
    return Footage(folder, features)


@pytest.fixture
def expected(footage: Footage, tmp_path: Path) -> dict[str, bytes]:
    """The features of every video of the folder ``in``."""
    shutil.copytree(footage.folder, tmp_path / "in")
    return footage.features


READER, WORKER = "extractors/clips/worker.py", "ray::MapWorker"


@pytest.mark.parametrize("number", MOMENTS)
def test_ray_goes_on_by_itself(
    number: int, ray_cluster: Callable[..., Any], expected: dict[str, bytes], tmp_path: Path
) -> None:
    """One run loses a reading process, a worker, and a node: a raylet with workers below it."""
    with ray_cluster() as cluster:
        run = Watched(tmp_path, cluster.environment, "--ray-address", cluster.address)

        def kill_one(found: Callable[[], list[psutil.Process]]) -> None:
            random.Random(number).choice(run.wait(found)).kill()
            run.require_work(VIDEOS)

        run.wait_for_moment(number, 0, 0)
        kill_one(lambda: processes(cluster.root, READER))
        run.wait_for_moment(number, 1, 2)
        kill_one(lambda: processes(cluster.root, WORKER))
        run.wait_for_moment(number, 3, VIDEOS - 2)
        assert not run.reread
        # Ray may still hold the batches of the last one.
        settled = set(run.in_order_of_completion()[:-1])
        nodes = [psutil.Process(pid) for pid in cluster.raylets[1:]]
        kill_one(lambda: [node for node in nodes if processes(node.pid, WORKER)])
        assert f"{VIDEOS} extracted" in run.finish()
    # Until Ray takes the node for dead, many seconds, it goes on with videos that it then repeats.
    check(run, expected, read_once=settled)


MARK = "AQA_TEST_RUN"


def wait_until_gone(mark: str) -> None:
    """Until no process is left of a run with this mark in its environment."""
    deadline = time.monotonic() + 60
    while (left := still_there(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left


def still_there(mark: str) -> list[str]:
    """Command lines of the processes that a run with this mark in its environment left behind."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                left.append(" ".join(process.cmdline())[:100])
        except psutil.Error:
            continue
    return left


@pytest.mark.parametrize("number", MOMENTS)
def test_after_a_killed_driver_the_same_command_goes_on(
    number: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Of a video that was complete not even the file is opened again."""
    mark = f"driver {os.getpid()} {number}"
    run = Watched(tmp_path, os.environ | {MARK: mark})
    run.wait_for_moment(number, 1, VIDEOS - 2)
    run.kill()
    complete = set(run.done)
    assert len(complete) < VIDEOS
    wait_until_gone(mark)
    again = Watched(tmp_path, dict(os.environ), before=run)
    text = again.finish()
    counts = f"{VIDEOS - len(complete)} extracted, {len(complete)} complete before, 0 failed"
    assert counts in text
    check(again, expected)
    assert again.opened == set(expected) - complete and not run.reread


@pytest.mark.parametrize("number", MOMENTS)
def test_a_ray_on_this_machine_that_dies_is_started_again(
    number: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Its node, its head, and the process that drives it, one after the other; the command goes on
    by itself."""
    # What is left of Ray looks for a head that is gone for a minute; here for five seconds.
    patience = {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
    run = Watched(tmp_path, os.environ | patience, "--decoders", "1", "--workers", "1")

    def more_than(complete: int) -> bool:
        return len(run.done) > complete

    def broke_off(times: int) -> bool:
        return run.text().count("warning: the run broke off (") == times

    complete = number % 2
    for deaths, part in enumerate(["raylet", "gcs_server", "pipeline.cluster.driver"], 1):
        run.wait(partial(more_than, complete))
        oldest(run.process.pid, part).kill()
        run.require_work(VIDEOS)
        run.wait(partial(broke_off, deaths))
        complete = len(run.done)
    assert f"{VIDEOS} extracted" in run.finish()
    check(run, expected)


@pytest.mark.parametrize("number", MOMENTS)
def test_an_overwriting_run_that_was_killed_goes_on(
    number: int, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Features of nine videos are to be replaced: each is, once, in two runs together."""
    few = dict(list(expected.items())[:9])
    old, origin = FeatureFolder(tmp_path / "out"), feature_origin(SPEC)
    old.write_origin(origin, {})
    for name in expected:
        video = tmp_path / f"in/{name}.mp4"
        if name in few:
            old.save(name, np.zeros((2, 48)), origin, {"source": source_stamp(video)})
        else:
            video.unlink()
    mark = f"overwriting {os.getpid()} {number}"
    options = ("--overwrite", "--ray-address", "none", "--workers", "1")
    run = Watched(tmp_path, os.environ | {MARK: mark}, *options)
    run.wait_for_moment(number, 1, 2)
    run.kill()
    replaced = set(run.done)
    assert 0 < len(replaced) < len(few)
    wait_until_gone(mark)
    again = Watched(tmp_path, dict(os.environ), *options, before=run)
    text = again.finish()
    assert "going on with the overwriting extraction of" in text
    assert f"{len(few) - len(replaced)} extracted, {len(replaced)} complete before" in text
    check(again, few, versions=2)
    assert again.opened == set(few) - replaced and not run.reread
    assert old.overwriting() is None
