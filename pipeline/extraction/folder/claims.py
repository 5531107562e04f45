"""Makes sure that only one ``extract`` writes into a feature folder at a time."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from aqa.errors import AqaError
from aqa.storage import RemotePath, as_place, write_json
from pipeline.errors import UsageError
from pipeline.workspace import now

LOCK_NAME = ".extracting.lock"
OBJECT_NAME = ".extracting.json"
RENEW_S = 20.0
HONOURED_S = 90.0
CONFIRM_S = 1.0
RENEWAL = "renewal of the claim"  # the name of a thread


def claim(
    output: str | Path | RemotePath, note: Callable[[str], object]
) -> AbstractContextManager[None]:
    """Claims a feature folder for the length of a ``with`` block.

    Raises UsageError, before any work, where another process has claimed it. On this machine the
    claim is a lock, which ends with its process however that dies. On another file system it is an
    object that is renewed every 20 s and honoured for 90 s (``note`` is told when one is taken
    over). pyarrow cannot create an object only where there is none, so that two runs which start in
    the same second may both go on, and clocks that differ by more than a minute make a claim look
    older or younger. Neither corrupts anything: objects are written whole, and what two runs write
    for one video is the same.
    """
    place = as_place(output)
    return _object_claim(place, note) if isinstance(place, RemotePath) else _file_claim(place)


@contextmanager
def _file_claim(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    descriptor = _locked(path, folder)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(_us()).encode(), 0)
        yield
    finally:
        # Removed while it is held: who opened it meanwhile sees that it has no name any more.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path, folder: Path) -> int:
    """A descriptor of the lock file, held and still under its name."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                    return descriptor
        except BlockingIOError:
            holder = _parsed(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise _refusal(folder, holder) from None
        except OSError as error:
            os.close(descriptor)
            raise UsageError(f"{path}: cannot be locked ({error.strerror})") from None
        os.close(descriptor)


@contextmanager
def _object_claim(folder: RemotePath, note: Callable[[str], object]) -> Iterator[None]:
    path = folder / OBJECT_NAME
    ours = _us() | {"token": secrets.token_hex(8)}
    holder = _living_holder(path, folder, note)
    if holder is not None:
        raise _refusal(folder, holder)
    write_json(path, ours)
    _pause()
    if (latest := _read(path)).get("token") != ours["token"]:
        raise _refusal(folder, latest)
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(path, ours, ended), name=RENEWAL, daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()
        with suppress(AqaError, FileNotFoundError):  # it ends by itself
            if _read(path).get("token") == ours["token"]:
                path.unlink()


def _pause() -> None:
    """Until another that saw no claim either has written its own."""
    time.sleep(CONFIRM_S)


def _living_holder(
    path: RemotePath, folder: RemotePath, note: Callable[[str], object]
) -> dict[str, Any] | None:
    """Who else is writing; None if nobody is, or if the claim that is left is to be taken over."""
    info = path.info()
    if info is None:
        return None
    holder = _read(path)
    age_s = time.time() - info.mtime_ns / 1e9
    if age_s < HONOURED_S and not _died_here(holder):
        return holder
    note(f"{folder}: taking over from {_named(holder)}, which did not end properly")
    return None


def _renew(path: RemotePath, ours: dict[str, Any], ended: threading.Event) -> None:
    while not ended.wait(RENEW_S):
        with suppress(AqaError, FileNotFoundError):  # a lost connection: there are more chances
            if _read(path).get("token") != ours["token"]:
                return  # taken over, while this process was stopped for long
            write_json(path, ours)


def _us() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "since": now()}


def _read(path: RemotePath) -> dict[str, Any]:
    return _parsed(path.read_bytes())


def _parsed(content: bytes) -> dict[str, Any]:
    """What a claim says; one that is being written says nothing yet."""
    try:
        holder = json.loads(content)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _died_here(holder: dict[str, Any]) -> bool:
    if holder.get("host") != socket.gethostname() or not isinstance(holder.get("pid"), int):
        return False
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _refusal(folder: Path | RemotePath, holder: dict[str, Any]) -> UsageError:
    return UsageError(
        f"{folder} is being written by {_named(holder)}: wait for it, or choose another --output"
    )


def _named(holder: dict[str, Any]) -> str:
    if not holder:
        return "another extract"
    who = f"pid {holder.get('pid')} on {holder.get('host')} since {holder.get('since')}"
    return f"another extract ({who})"
