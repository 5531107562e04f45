"""Runs of the graph that break off or stand still, and the view of a run; without Ray's work."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ray
from quick import SPEC
from ray.exceptions import ActorDiedError, RayError
from rich.console import Console as Console80

from pipeline.cluster import session as ray_session
from pipeline.cluster.driver import RayLostError
from pipeline.cluster.session import RayOptions
from pipeline.errors import UsageError
from pipeline.extraction.runs import supervise
from pipeline.extraction.runs.graph import choose_width
from pipeline.extraction.runs.meter import Meter, Width
from pipeline.extraction.runs.runner import Watch
from pipeline.extraction.stages.assembly import Finished
from pipeline.extraction.stages.batch import Batch
from pipeline.footage.videos import Video
from pipeline.workspace.console import Console
from pipeline.workspace.settings import STANDSTILL_S

VIDEOS = [Video(name, Path(f"{name}.mp4")) for name in "abc"]


def batch(video: str, index: int = 0, count: int = 1, **fields: Any) -> Batch:
    facts = {
        "valid": 4, "total": 4 * count, "record": {}, "features": np.zeros((4, 2), np.float32),
        "decode_s": 1.0, "backbone_s": 0.5, "decoded_on": "n", "computed_on": "n",
    }  # fmt: skip
    return Batch(video, 4 * index, **facts | fields)


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """``graph(batches of run 1, of run 2, ...)``: an exception among them is raised. Gives
    the list of the ids that each run was started with. All in this process: see test_driver.py."""

    def install(*runs: list[Batch | Exception]) -> list[list[str]]:
        started: list[list[str]] = []
        scripts = iter(runs)

        joined = SimpleNamespace(
            nodes=lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}],
            exceptions=ray.exceptions,
            shutdown=lambda: None,
        )

        def driven(job: Callable[..., Any], *arguments: Any, limit_s: float) -> Iterator[Any]:
            assert limit_s == STANDSTILL_S
            yield from job(*arguments)

        def batches(ray: Any, videos: list[Video], *_: Any) -> Iterator[Batch]:
            started.append([video.id for video in videos])
            for entry in next(scripts):
                if isinstance(entry, Exception):
                    raise entry
                yield entry

        monkeypatch.setattr(supervise, "WAIT_S", (0.0, 0.0, 0.0))
        monkeypatch.setattr(supervise, "driven", driven)
        monkeypatch.setattr(ray_session, "_start", lambda options: joined)
        monkeypatch.setattr(supervise, "feature_batches", batches)
        return started

    return install


def run(options: RayOptions | None = None) -> list[Finished]:
    watch = Watch(Meter(len(VIDEOS), 0), lambda: None, Console(quiet=True))
    return list(supervise.OnRay(options or RayOptions())(VIDEOS, SPEC, watch))


def test_a_run_that_breaks_off_goes_on_with_what_is_left(graph: Callable[..., Any]) -> None:
    started = graph([batch("b"), batch("a", 0, 2), ActorDiedError()], [batch("a"), batch("c")])
    assert [video.id for video in run()] == ["b", "a", "c"]
    assert started == [["a", "b", "c"], ["a", "c"]]


def test_videos_that_ray_lost_are_done_again(graph: Callable[..., Any]) -> None:
    started = graph([batch("a"), batch("b", 1, 2)], [batch("b"), batch("c")])
    assert [video.id for video in run()] == ["a", "b", "c"]
    assert started == [["a", "b", "c"], ["b", "c"]]


def test_runs_without_any_result_end_with_a_reason(graph: Callable[..., Any]) -> None:
    broken = ConnectionError("the head is gone")
    started = graph([batch("a"), broken], [broken], [broken], [broken])
    first, *others = run()
    assert first.id == "a" and not first.error
    assert len(started) == 4
    assert [video.id for video in others] == ["b", "c"]
    assert others[0].error == "the run broke off 3 times: ConnectionError: the head is gone"


def test_wrong_usage_is_said_at_once_and_a_lost_cluster_is_a_failure(
    graph: Callable[..., Any],
) -> None:
    graph([UsageError("cannot join a Ray cluster")])
    with pytest.raises(UsageError, match="cannot join"):
        run()
    graph([batch("a"), ConnectionError()], *[[UsageError("cannot join a Ray cluster")]] * 3)
    assert [bool(video.error) for video in run()] == [False, True, True]


def test_a_node_without_the_backbone_ends_the_command(graph: Callable[..., Any]) -> None:
    words = "BackboneUnavailableError: backbone on n7: x.pth: no such file"
    broken = RayError(f"Traceback ...\n{words}")
    graph([batch("a"), broken])
    with pytest.raises(UsageError, match=r"^backbone on n7: x\.pth: no such file$"):
        run()


def test_a_cluster_that_is_lost_at_the_first_question(monkeypatch: pytest.MonkeyPatch) -> None:
    def driven(job: Callable[..., Any], *arguments: Any, limit_s: float) -> Iterator[Any]:
        raise RayLostError("nothing came")
        yield

    monkeypatch.setattr(ray_session, "driven", driven)
    words = r"^the Ray cluster at head:6379 was lost: nothing came$"
    with pytest.raises(UsageError, match=words):
        ray_session.cluster_gpus(RayOptions("head:6379"))


GPUS = [{"CPU": 8.0, "GPU": 3.0}, {"CPU": 4.0, "GPU": 1.0}]


@pytest.mark.parametrize(
    ("nodes", "device", "options", "width"),
    [
        ([{"CPU": 1.0}], "cpu", RayOptions(), Width(1, 1)),
        ([{"CPU": 2.0}], "cpu", RayOptions(), Width(2, 2)),
        ([{"CPU": 2.0}], "cpu", RayOptions(workers=1, decoders=3), Width(3, 1)),
        (GPUS, "cuda", RayOptions(), Width(12, 4)),
        (GPUS, "cuda", RayOptions(gpus_per_worker=0.5), Width(12, 8)),
        # Not one of the two GPUs that are left over on different nodes.
        (GPUS, "cuda", RayOptions(gpus_per_worker=2), Width(12, 1)),
        ([{"CPU": 4.0, "aqa_backbone": 1.0}, {"CPU": 2.0}], "cpu", RayOptions(), Width(6, 4)),
        ([{"CPU": 4.0, "aqa_decode": 1.0}, {"CPU": 2.0}], "cpu", RayOptions(), Width(4, 6)),
    ],
)
def test_width(
    nodes: list[dict[str, float]], device: str, options: RayOptions, width: Width
) -> None:
    ray = SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": node} for node in nodes])
    assert choose_width(ray, device, options) == width


def test_no_room() -> None:
    ray = SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}])
    with pytest.raises(UsageError, match="1 backbone worker wanted, Ray has room for 0 GPU"):
        choose_width(ray, "cuda", RayOptions())


def test_meter() -> None:
    clock = iter(itertools.count(0.0, 1.0))
    time = [0.0]
    meter = Meter(4, 1, now=lambda: time[0])
    meter.waits_for = "Ray starts ..."
    assert "Ray starts" in meter.line()
    meter.run_starts(Width(decoders=2, workers=1), 4)
    for _ in range(11):
        time[0] = next(clock)
        meter.add(batch("a", count=20))
    assert meter.clips_per_s == pytest.approx(4)
    assert meter.busy == pytest.approx((0.5, 0.5))
    # 80 - 44 clips of this video and three more of 80, at 4 a second
    assert meter.left_s == pytest.approx((36 + 240) / 4)
    assert meter.line() == (
        "extract: 0 of 4 videos (0 done, 0 failed, 1 complete before), 44 clips, 4 clips/s, "
        "decoding 50% busy, backbone 50% busy, 1:09 left"
    )
    shown = StringIO()
    Console80(file=shown, width=80).print(meter.picture())
    lines = shown.getvalue().splitlines()
    assert [len(lines), lines[0][:7], lines[2].strip()[:8]] == [3, "extract", "44 clips"]
    meter.ended("a", failed=False)
    meter.ended("b", failed=True)
    assert "2 of 4 videos (1 done, 1 failed, 1 complete before)" in meter.line()


@pytest.mark.parametrize(
    ("decode_s", "backbone_s", "words"),
    [
        (1.9, 0.3, "the decoding was the limit (2 readers 95% busy and 1 worker 30% busy)"),
        (0.2, 0.95, "the backbone was the limit"),
        (1.8, 0.9, "both stages were the limit"),
        (0.2, 0.3, "neither stage was the limit"),
    ],
)
def test_summary_says_which_stage_was_the_limit(
    decode_s: float, backbone_s: float, words: str
) -> None:
    time = [0.0]
    meter = Meter(1, 0, now=lambda: time[0])
    meter.run_starts(Width(2, 1), 5)
    for index in range(11):
        time[0] = float(index)
        meter.add(batch("a", decode_s=decode_s, backbone_s=backbone_s))
    assert words in meter.summary()
    assert meter.summary().startswith("44 clips in 0:10, 4 clips/s once started")


def test_batches_that_come_at_once_were_not_made_at_once() -> None:
    """As in a short run: the two batches after the first took a reader 2 s, a worker 1 s."""
    time = [0.0]
    meter = Meter(1, 0, now=lambda: time[0])
    meter.run_starts(Width(1, 1), 1)
    for _ in range(3):
        time[0] += 0.001
        meter.add(batch("a"))
    assert meter.clips_per_s == pytest.approx(4) and meter.busy == pytest.approx((1, 0.5))
    assert meter.line().startswith("extract: 0 of 1 video (0 done")
    words = (
        "12 clips in 0:00, 4 clips/s once started; the decoding was the limit (1 reader 100% busy"
    )
    assert meter.summary().startswith(words)
