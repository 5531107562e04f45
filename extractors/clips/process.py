"""Processes that read videos and can be killed, lent to one caller at a time.

Native code that reads a video may hang (a dead network mount, a decoder's endless loop) or crash:
only ending its process helps.  A process takes about half a second to start, so one is kept.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from extractors.clips import messages
from extractors.clips.messages import HEAD, OpenJob, ReadJob
from extractors.errors import ExtractorError

_START_LIMIT_S = 60.0
_END_LIMIT_S = 5.0
_WORKER = Path(__file__).with_name("worker.py")
_PIPE_BYTES = 1 << 20
_SLICES = 20
_LAST = (messages.OPENED, messages.DONE, messages.ERROR)


class ReadingStopped(Exception):
    """A process gave nothing for too long, or ended; the text says which."""


class ProcessEnded(ReadingStopped):
    """A process ended while it was asked for something; the text says how."""


class ProcessForked(ReadingStopped):
    """A process is asked by a copy of the one that started it."""


class ReadingProcess:
    """A child process that reads.  Whoever has borrowed it gives it one job after another."""

    def __init__(self) -> None:
        self.resting = True  # every answer to the last job has come
        self._owner = os.getpid()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed by end)
        self._child = subprocess.Popen(
            [sys.executable, "-I", str(_WORKER), str(self._owner), json.dumps(_import_path())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            bufsize=0,
        )
        os.set_blocking(self._child.stdin.fileno(), False)
        os.set_blocking(self._child.stdout.fileno(), False)
        with contextlib.suppress(AttributeError, OSError):  # Linux only, and only a hint
            fcntl.fcntl(self._child.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def owned(self) -> bool:
        """False in a process forked from the one that started it."""
        return self._owner == os.getpid()

    def wait_until_started(self) -> None:
        """ReadingStopped if it does not."""
        self._next(_START_LIMIT_S)

    def alive(self) -> bool:
        return self._child.poll() is None

    def answers(
        self, job: OpenJob | ReadJob, stall_limit_s: float
    ) -> Iterator[tuple[bytes, np.ndarray]]:
        """(kind, body) of each answer but ALIVE and DONE; a body is uint8 [bytes].

        Raises ReadingStopped where none comes for ``stall_limit_s``, and the child's error.
        """
        self.resting = False
        body = pickle.dumps(job)
        self._send(HEAD.pack(messages.JOB, len(body)) + body, stall_limit_s)
        while not self.resting:
            kind, body = self._next(stall_limit_s)
            self.resting = kind in _LAST
            if kind == messages.ERROR:
                raise pickle.loads(body)
            if kind not in (messages.ALIVE, messages.DONE):
                yield kind, body

    def kill(self) -> None:
        """Ends it, whatever it does; a process forked from its owner leaves it alone."""
        if self.owned:
            self._child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # where the kernel itself hangs
                self._child.wait(_END_LIMIT_S)

    def end(self) -> None:
        """Kills it and closes the pipes."""
        self.kill()
        for file in (self._child.stdin, self._child.stdout, self._complaints):
            file.close()

    def _next(self, limit_s: float) -> tuple[bytes, np.ndarray]:
        kind, size = HEAD.unpack(self._receive(HEAD.size, limit_s))
        return kind, self._receive(size, limit_s)

    def _send(self, data: bytes, limit_s: float) -> None:
        left = memoryview(data)
        while left:
            self._wait_for(self._child.stdin.fileno(), select.POLLOUT, limit_s)
            try:
                left = left[os.write(self._child.stdin.fileno(), left) :]
            except BrokenPipeError as error:
                raise ProcessEnded(self._last_words()) from error

    def _receive(self, size: int, limit_s: float) -> np.ndarray:
        buffer, filled = np.empty(size, np.uint8), 0
        view, pipe = memoryview(buffer), self._child.stdout.fileno()
        while filled < size:
            self._wait_for(pipe, select.POLLIN, limit_s)
            count = os.readv(pipe, [view[filled:]])
            if count == 0:
                raise ProcessEnded(self._last_words())
            filled += count
        return buffer

    def _wait_for(self, pipe: int, event: int, limit_s: float) -> None:
        if not self.owned:
            raise ProcessForked(
                "the stream was opened before this process was forked: open it again"
            )
        poll = select.poll()
        poll.register(pipe, event)
        # In slices: while this process itself is stopped (Ctrl-Z), one of them runs out, not all.
        if not any(poll.poll(limit_s * 1000 / _SLICES) for _ in range(_SLICES)):
            raise ReadingStopped(f"reading gave nothing for {limit_s:g} s")

    def _last_words(self) -> str:
        """How it ended, once its pipe has."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_END_LIMIT_S)
        self.kill()
        code = self._child.returncode or 0
        how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"status {code}"
        size = os.fstat(self._complaints.fileno()).st_size
        said = os.pread(self._complaints.fileno(), 2000, max(0, size - 2000))
        lines = said.decode(errors="replace").split("\n")
        last = next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
        return f"its reading process ended with {how}" + (f": {last}" if last else "")


class _Keeper:
    """Starts processes, and keeps one that rests for the next caller."""

    def __init__(self) -> None:
        # Reentrant: the garbage collector may drop an unfinished stream at any point.
        self._lock = threading.RLock()
        self._resting: ReadingProcess | None = None
        self._wanted: SimpleQueue[Future[ReadingProcess]] | None = None

    def take(self) -> ReadingProcess:
        with self._lock:
            process, self._resting = self._resting, None
        if process is not None and process.alive():
            return process
        if process is not None:
            process.end()
        try:
            return self._start()
        except OSError as error:
            raise ExtractorError(f"no process can be started to read in ({error})") from error
        except ReadingStopped as error:
            raise ExtractorError(f"the process to read in does not start: {error}") from error

    def give(self, process: ReadingProcess) -> None:
        with self._lock:
            if process.resting and process.owned and self._resting is None:
                self._resting = process
                return
        process.end()

    def end(self) -> None:
        with self._lock:
            process, self._resting = self._resting, None
        if process is not None:
            process.end()

    def _start(self) -> ReadingProcess:
        """In a thread that lives as long as this process: Linux ends a child whose parent's death
        it was told to wait for as soon as the *thread* that started it ends."""
        with self._lock:
            if self._wanted is None:
                self._wanted = SimpleQueue()
                threading.Thread(target=_start_all, args=(self._wanted,), daemon=True).start()
        try:
            return self._started()
        except ProcessEnded:  # as when it reads: it may have been ended from outside, not twice
            return self._started()

    def _started(self) -> ReadingProcess:
        future: Future[ReadingProcess] = Future()
        self._wanted.put(future)
        process = future.result()
        try:
            process.wait_until_started()
        except BaseException:
            process.end()
            raise
        return process


def _start_all(wanted: SimpleQueue[Future[ReadingProcess]]) -> None:
    while True:
        future = wanted.get()
        try:
            future.set_result(ReadingProcess())
        except Exception as error:
            future.set_exception(error)


_keeper = _Keeper()


@contextlib.contextmanager
def borrowed_process() -> Iterator[ReadingProcess]:
    """A process for this caller alone.  It is killed if its last job has not come to its end."""
    process = _keeper.take()
    try:
        yield process
    finally:
        _keeper.give(process)


def end_resting_process() -> None:
    """Ends the process that is kept; the next caller starts another."""
    _keeper.end()


def _forget() -> None:
    """A forked process has none of its own yet; its parent's are not for it."""
    global _keeper
    _keeper = _Keeper()


os.register_at_fork(after_in_child=_forget)
atexit.register(end_resting_process)


def _import_path() -> list[str]:
    """The parent's import path, so that the child finds the same packages; absolute."""
    root = str(Path(__file__).resolve().parents[2])
    return [os.path.join(working_folder(), str(entry)) for entry in sys.path] + [root]


def working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been deleted
        return "/"
