"""Ray's driver in a process of its own, for a command that outlives it.

Where Ray's processes on its machine die, Ray ends the process that drives it, at once and without a
word (``_Exit(1)``, in Ray's C++ core); it waits in native code that nothing can interrupt; and it
writes notices to file descriptor 2 that no setting silences. So a command drives Ray from a child
process, and takes what that gives.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import IO, Any, TypeVar

from extractors.errors import UnforeseenError

T = TypeVar("T")

# Ray's own start takes seconds, on a busy machine a minute, whatever limit the work has.
START_LIMIT_S = 180.0
_END_S = 10.0
_ITEM, _END, _ERROR = "item", "end", "error"
_OURS = ("aqa", "extractors", "pipeline")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LOG_HEAD = re.compile(r"^(\[[^\]]*\] *|\([^)]*\) *)*(\S+\.(cc|h|py):\d+: *)?")


class RayLostError(Exception):
    """Ray or the process that drives it is gone, or gives nothing any more; why, as one line."""


def driven(job: Callable[..., Iterator[T]], *arguments: object, limit_s: float) -> Iterator[T]:
    """What ``job(*arguments)`` gives, run in a process of its own that ends when this one does.

    Job, arguments and items are pickled. Raises what the job raised, where that is an error of
    this project, else UnforeseenError with the traceback; RayLostError where the process has ended
    or has given nothing for ``limit_s``. Closing the iterator kills it, and with it what it
    started of Ray.
    """
    here, there = Pipe()
    with tempfile.TemporaryFile() as notices, here:
        with there:
            process = subprocess.Popen(
                # -P: nothing in the working directory can be taken for a module.
                # The face of its package imports it, too, on which -m would remark.
                [
                    *(sys.executable, "-P", "-W", "ignore::RuntimeWarning:runpy"),
                    *("-m", "pipeline.cluster.driver", str(there.fileno())),
                ],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=notices,
                stderr=notices,
                start_new_session=True,  # Ctrl-C is for this process
            )
        try:
            here.send((job, arguments))
            wait_s = max(START_LIMIT_S, limit_s)
            while True:
                if not here.poll(wait_s):
                    raise RayLostError(f"nothing came for {wait_s:g} s")
                kind, content = here.recv()
                if kind == _END:
                    return
                if kind == _ERROR:
                    raise content
                yield content
                wait_s = limit_s
        except (EOFError, ConnectionError):
            raise RayLostError(_last_words(process, notices)) from None
        finally:
            _end_group(process.pid)
            with suppress(subprocess.TimeoutExpired):  # where the kernel itself hangs
                process.wait(_END_S)


def _end_group(leader: int) -> None:
    """Kills the driver and Ray's processes that it started, some of which would linger a minute."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _last_words(process: subprocess.Popen[bytes], notices: IO[bytes]) -> str:
    """How it ended, and the last sentence of what it and Ray wrote where nothing is clearer."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    code = process.returncode
    if code is None:
        return "the process that drives Ray does not answer"
    if code < 0:
        return f"the process that drives Ray was ended by {signal.Signals(-code).name}"
    notices.seek(0)
    text = _COLOUR.sub("", notices.read().decode(errors="replace"))
    if "Raylet is terminated" in text:  # about what follows from it Ray writes a lot more
        return "Ray's raylet on this machine was ended, by whom Ray does not know"
    lines = [line for line in text.split("\n") if line.strip()]
    words = _LOG_HEAD.sub("", lines[-1]).strip().split(". ")[0][:200] if lines else ""
    how = f"the process that drives Ray ended with status {code}"
    return f"{how}: {words}" if words else how


def main() -> None:
    """The child: a job comes through the connection, what it gives goes back."""
    connection = Connection(int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    job, arguments = connection.recv()
    threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
    try:
        for item in job(*arguments):
            connection.send((_ITEM, item))
        last: tuple[str, Any] = _END, None
    except Exception as error:
        ours = type(error).__module__.split(".")[0] in _OURS
        last = _ERROR, error if ours else UnforeseenError("\n" + traceback.format_exc())
    connection.send(last)
    os._exit(0)  # threads of Ray that are left do not matter any more


def _end_with_parent(connection: Connection) -> None:
    with suppress(EOFError, OSError):
        connection.recv()
    _end_group(os.getpid())


if __name__ == "__main__":
    main()
