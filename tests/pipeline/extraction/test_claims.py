"""Two extractions never write into one feature folder at the same time."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aqa.errors import AqaError
from aqa.storage.places import Place, RemotePath
from aqa.storage.whole_files import read_json, write_json
from pipeline.errors import UsageError
from pipeline.extraction.folder import claims
from pipeline.extraction.folder.claims import claim

HOST = socket.gethostname()
HOLD = """
import sys
from pipeline.extraction.folder.claims import claim
with claim(sys.argv[1], print):
    print("held", flush=True)
    sys.stdin.read()
"""
# Begins when it is told to, and tries until it has had the folder so many times; two that have it
# at once would both want to create "busy".
COMPETE = """
import os, sys
from pathlib import Path
from pipeline.extraction.folder.claims import claim
from pipeline.errors import UsageError
folder, had = Path(sys.argv[1]), 0
print("ready", flush=True)
sys.stdin.readline()
while had < int(sys.argv[2]):
    try:
        with claim(folder, print):
            os.close(os.open(folder / "busy", os.O_CREAT | os.O_EXCL))
            os.unlink(folder / "busy")
            had += 1
    except UsageError:
        pass
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "CONFIRM_S", 0.0)


@pytest.fixture(params=["here", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return tmp_path / "f" if request.param == "here" else request.getfixturevalue("bucket") / "f"


@contextmanager
def other_process(place: Place) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the claim until its standard input ends."""
    address = place.address if isinstance(place, RemotePath) else str(place)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    try:
        yield holder
    finally:
        holder.communicate(timeout=30)


def names(place: Place) -> list[str]:
    if isinstance(place, RemotePath):
        return [info.path.name for info in place.files()]
    return os.listdir(place)


def no_note(line: str) -> None:
    raise AssertionError(line)


def test_the_second_is_refused_and_told_who_holds_it(place: Place) -> None:
    with other_process(place) as holder:
        with pytest.raises(UsageError) as refused, claim(place, no_note):
            pass
        since = time.strftime("%Y-%m-%d")
        who = rf"another extract (pid {holder.pid} on {HOST} since {since}"
        assert str(refused.value).startswith(f"{place} is being written by {who}")
        assert str(refused.value).endswith("): wait for it, or choose another --output")
        assert len(names(place)) == 1
    with claim(place, no_note):
        pass
    assert names(place) == []


def test_released_when_the_holder_fails(place: Place) -> None:
    with pytest.raises(RuntimeError), claim(place, no_note):
        raise RuntimeError
    assert names(place) == []


def test_a_killed_holder_keeps_nobody_out(place: Place) -> None:
    notes: list[str] = []
    with other_process(place) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with claim(place, notes.append):
            assert len(names(place)) == 1
    assert names(place) == []
    if isinstance(place, RemotePath):
        (note,) = notes
        assert note.startswith(f"{place}: taking over from another extract (pid {holder.pid} on")


def test_many_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMPETE, str(tmp_path), "500"]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UsageError, match=r"\.extracting\.lock: cannot be locked \(No locks"):
        claim(tmp_path, no_note).__enter__()


@pytest.fixture
def elsewhere(bucket: RemotePath) -> Callable[[], RemotePath]:
    """``elsewhere()`` leaves the claim of another machine's extraction in the bucket."""

    def write() -> RemotePath:
        holder = {"host": "far", "pid": 7, "since": "noon", "token": "theirs"}
        write_json(bucket / claims.OBJECT_NAME, holder)
        return bucket / claims.OBJECT_NAME

    return write


def test_a_claim_from_elsewhere_is_honoured_until_it_is_old(
    elsewhere: Callable[[], RemotePath], bucket: RemotePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = elsewhere()
    with pytest.raises(UsageError, match=r"\(pid 7 on far since noon\)"):
        claim(bucket, no_note).__enter__()
    assert read_json(path)["token"] == "theirs"
    monkeypatch.setattr(claims, "HONOURED_S", 0.0)
    notes: list[str] = []
    with claim(bucket, notes.append):
        assert read_json(path)["pid"] == os.getpid()
    assert "taking over from another extract (pid 7 on far since noon)" in notes[0]
    assert not path.exists()


def test_two_that_start_together(
    elsewhere: Callable[[], RemotePath], bucket: RemotePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wrote last goes on; the other sees that, and leaves the claim alone."""
    monkeypatch.setattr(claims, "_pause", elsewhere)
    with pytest.raises(UsageError, match="pid 7 on far"):
        claim(bucket, no_note).__enter__()
    assert (bucket / claims.OBJECT_NAME).exists()


def said(path: RemotePath) -> dict | None:
    """None where it is written anew just now: its size is of before, its content of after."""
    try:
        return read_json(path)
    except AqaError:
        return None


def test_a_claim_is_renewed_and_one_that_was_taken_over_is_not(
    elsewhere: Callable[[], RemotePath], bucket: RemotePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "RENEW_S", 0.1)
    path = bucket / claims.OBJECT_NAME
    with claim(bucket, no_note):
        (renewal,) = [thread for thread in threading.enumerate() if thread.name == claims.RENEWAL]
        ours = read_json(path)
        write_json(path, ours | {"since": "before"})
        deadline = time.monotonic() + 60
        while said(path) != ours:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        # Ends when it sees another's claim; again, should it have looked just before that came.
        while renewal.is_alive():
            assert time.monotonic() < deadline
            elsewhere()
            renewal.join(1)
        assert read_json(path)["token"] == "theirs"
    assert read_json(path)["token"] == "theirs"
