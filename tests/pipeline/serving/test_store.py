"""What a server keeps: each content once, in order, through a kill; nothing of what is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.serving.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def upload(store: Store, content: bytes) -> str:
    part = store.new_upload(".mp4")
    part.write_bytes(content)
    return store.add_file(part, content.hex(), ".mp4", seconds=5, clips=8).digest


def test_the_queue_is_in_the_order_of_arrival(store: Store) -> None:
    digests = [upload(store, bytes([number])) for number in range(5)]
    store.set_state(digests[1], "running")
    store.set_state(digests[0], "done")
    assert [file.digest for file in store.waiting()] == digests[2:]
    assert [file.digest for file in store.unfinished()] == digests[1:]
    assert store.counts() == {"queued": 3, "running": 1, "done": 1, "failed": 0}


def test_two_names_of_one_content_are_two_jobs_of_one_file(store: Store) -> None:
    digest = upload(store, b"one")
    store.set_state(digest, "done")
    assert upload(store, b"one") == digest
    assert store.file(digest).state == "done"  # not computed again
    jobs = [store.add_job(digest, name) for name in ("a.mp4", "b.mp4")]
    assert len(list((store.folder / "uploads").iterdir())) == 1
    assert store.delete(jobs[0]) is False and store.video(jobs[1].file).exists()
    assert store.delete(jobs[1]) is True
    assert list((store.folder / "uploads").iterdir()) == [] and store.file(digest) is None


def test_what_failed_is_tried_again(store: Store) -> None:
    digest = upload(store, b"one")
    store.set_state(digest, "failed", "{name}: broken")
    assert store.file(digest).error == "{name}: broken"
    upload(store, b"one")
    assert (store.file(digest).state, store.file(digest).error) == ("queued", "")


def test_what_ran_when_it_was_killed_is_queued(store: Store) -> None:
    digest = upload(store, b"one")
    store.add_job(digest, "a.mp4")
    store.set_state(digest, "running")
    left = store.new_upload(".mp4")
    left.write_bytes(b"half")
    store.close()
    again = Store(store.folder)
    assert [file.digest for file in again.waiting()] == [digest]
    assert [job.name for job in again.jobs()] == ["a.mp4"] and not left.exists()


def test_other_models_score_everything_again(store: Store) -> None:
    digests = [upload(store, bytes([number])) for number in range(3)]
    assert store.bind("a") == 0
    store.set_done(digests[0], {"tes": 20.5})
    store.set_state(digests[1], "failed", "broken")
    assert store.file(digests[0]).scores == '{"tes": 20.5}'
    assert store.bind("a") == 0 and store.file(digests[0]).state == "done"
    assert store.bind("b") == 2 and len(store.waiting()) == 3
    assert store.bind("b") == 0


def test_names_are_searched_as_they_are(store: Store) -> None:
    digest = upload(store, b"one")
    for name in ("50%_a.mp4", "50 a.mp4", "\u00fcben'; drop table jobs;.mp4"):
        store.add_job(digest, name)
    assert [job.name for job in store.jobs("%_")] == ["50%_a.mp4"]
    assert [job.name for job in store.jobs("50")] == ["50 a.mp4", "50%_a.mp4"]
    assert len(store.jobs("drop table")) == 1 and len(store.jobs(limit=2, offset=1)) == 2


def test_one_server_has_a_folder(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.serving.store.PATIENCE_S", 0.1)
    with pytest.raises(UsageError, match="another server has this folder: choose --folder"):
        Store(store.folder)
