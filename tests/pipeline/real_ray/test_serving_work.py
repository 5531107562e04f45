"""The queue's work against replicas that answer as they are told: Ray itself is not started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import TINY_SPEC
from ray.exceptions import ActorDiedError

from aqa.data import FeatureOrigin
from pipeline.extraction import Batch, Part
from pipeline.serving.replicas import Replicas
from pipeline.serving.store import Store
from pipeline.serving.work import Work

CLIPS = 4
ORIGIN = FeatureOrigin("b", "random", "0" * 64, TINY_SPEC.protocol)


class Answer:
    """What a handle gives for a stream: rows, and whether it was cut off."""

    def __init__(self, rows: AsyncIterator[dict[str, Any]]) -> None:
        self._rows, self.cancelled = rows, False

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self._rows

    def cancel(self) -> None:
        self.cancelled = True


class Backbone:
    """``answer(part, attempt)`` gives the batches of a part, or raises."""

    def __init__(self, answer: Callable[[Part, int], Any]) -> None:
        self._answer, self.parts, self.answers = answer, [], []
        self.extract = self

    def options(self, stream: bool) -> Backbone:
        assert stream
        return self

    def remote(self, row: dict[str, Any]) -> Answer:
        part = Part.from_row(row)
        self.parts.append((part.video.id, part.number, part.of))
        attempt = self.parts.count(self.parts[-1])

        async def rows() -> AsyncIterator[dict[str, Any]]:
            for batch in self._answer(part, attempt):
                await asyncio.sleep(0)
                yield batch.to_row()

        self.answers.append(Answer(rows()))
        return self.answers[-1]


class Assessor:
    def __init__(self) -> None:
        self.finished: list[str] = []
        self.finish = self

    async def remote(self, digest: str, command: str) -> dict[str, float]:
        self.finished.append(digest)
        return {"score": 1.0}


def batches(part: Part, _: int = 1) -> list[Batch]:
    """Each part gives its share of the clips; the last of them carries the record."""
    found = []
    for first in range(part.number * CLIPS // part.of, (part.number + 1) * CLIPS // part.of):
        features = np.full((1, 3), first, np.float32)
        record = {"fps": 25.0} if first == CLIPS - 1 else None
        found.append(Batch(part.video.id, first=first, valid=1, total=CLIPS, features=features,
                           record=record))  # fmt: skip
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def upload(store: Store, name: str) -> str:
    part = store.new_upload(".mp4")
    part.write_bytes(name.encode())
    store.add_file(part, name, ".mp4", seconds=5, clips=CLIPS)
    store.add_job(name, f"{name}.mp4")
    return name


def run(
    store: Store,
    answer: Callable[..., Any] = batches,
    until: Callable[[], bool] | None = None,
    begin: Callable[[Work], None] | None = None,
) -> tuple[Work, Backbone, Assessor]:
    """``until`` nothing waits or runs, by default. ``begin`` is given the work at its start."""
    backbone, assessor = Backbone(answer), Assessor()

    async def all_of_it() -> Work:
        work = Work(store, Replicas(backbone, assessor, 2, 4), ORIGIN, {}, "")
        task = asyncio.create_task(work.run())
        if begin is not None:
            begin(work)
        ends = asyncio.get_running_loop().time() + 30
        while not (until() if until else not store.unfinished()):
            assert asyncio.get_running_loop().time() < ends and not task.done()
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        return work

    return asyncio.run(all_of_it()), backbone, assessor


def test_one_alone_is_shared_and_many_are_not(store: Store) -> None:
    one = upload(store, "one")
    work, backbone, assessor = run(store)
    assert sorted(backbone.parts) == [(one, 0, 2), (one, 1, 2)]
    assert assessor.finished == [one] and work.clips == CLIPS
    np.testing.assert_array_equal(np.load(store.features / "one.npy")[:, 0], range(CLIPS))
    many = [upload(store, f"many{number}") for number in range(6)]
    _, backbone, assessor = run(store)
    # Begun in the order in which they came; while four wait for two replicas each does one.
    assert backbone.parts[:3] == [(name, 0, 1) for name in many[:3]]
    assert list(dict.fromkeys(part[0] for part in backbone.parts)) == many
    assert sorted(assessor.finished) == many
    assert store.counts()["done"] == 7 and store.file(one).scores == '{"score": 1.0}'


def test_a_replica_that_dies_costs_its_part(store: Store) -> None:
    name = upload(store, "one")

    def answer(part: Part, attempt: int) -> list[Batch]:
        if part.number == 1 and attempt < 3:
            raise ActorDiedError
        return batches(part)

    _, backbone, _ = run(store, answer)
    assert store.file(name).state == "done"
    assert sorted(backbone.parts) == [(name, 0, 2)] + 3 * [(name, 1, 2)]


def test_a_video_that_ends_every_replica_is_given_up(store: Store) -> None:
    name, other = upload(store, "bad"), upload(store, "good")

    def answer(part: Part, attempt: int) -> list[Batch]:
        if part.video.id == name:
            raise ActorDiedError
        return batches(part)

    run(store, answer)
    assert store.file(name).state == "failed" and "ended 3 times" in store.file(name).error
    assert store.file(other).state == "done"


def test_what_goes_wrong_names_no_place(store: Store) -> None:
    names = [upload(store, name) for name in ("broken", "ours", "short")]

    def answer(part: Part, attempt: int) -> list[Batch]:
        if part.video.id == "broken":
            return [Batch("broken", features=np.zeros((0, 3), np.float32), total=CLIPS,
                          error=f"{part.video.path}: damaged at 3 s")]  # fmt: skip
        if part.video.id == "ours":
            raise RuntimeError(f"no memory for {store.folder}")
        return batches(part)[:-1]

    work, *_ = run(store, answer)
    said = [store.file(name).error for name in names]
    assert said[0] == "{name}: damaged at 3 s"
    assert said[1] == "the server could not compute it; its own output says why"
    assert "less than was there" in said[2]
    assert any(str(store.folder) in line for line in work.complaints)


def test_what_is_deleted_meanwhile_leaves_nothing(store: Store) -> None:
    name = upload(store, "one")
    (job,) = store.jobs()
    seen: list[Work] = []

    def answer(part: Part, attempt: int) -> list[Batch]:
        if store.file(name) is not None:
            store.delete(job)
            seen[0].drop(name)
        return batches(part)

    _, backbone, assessor = run(store, answer, begin=seen.append,
                                until=lambda: store.file(name) is None)  # fmt: skip
    assert assessor.finished == [] and any(each.cancelled for each in backbone.answers)
    left = [path for path in store.folder.rglob("*") if path.is_file() and "one" in path.name]
    assert left == []


def test_features_that_are_there_are_not_made_again(store: Store) -> None:
    name = upload(store, "one")
    run(store)
    store.set_state(name, "queued")  # other models, or a server that ended before it assessed
    _, backbone, assessor = run(store)
    assert backbone.parts == [] and assessor.finished == [name]
    assert store.file(name).state == "done"


def test_time_left_is_of_all_that_is_ahead(store: Store) -> None:
    work, *_ = run(store, until=lambda: True)
    names = [upload(store, f"n{number}") for number in range(3)]
    assert work.seconds_left(names[2], store.unfinished()) is None
    work._recent.extend([(0.0, 2), (4.0, 6)])
    assert work.seconds_left(names[2], store.unfinished()) == pytest.approx(3 * CLIPS / 2)
