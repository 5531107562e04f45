"""Keeps what native code writes to standard error off the terminal, unless it matters."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import UsageError

KEPT_LINES = 20


@contextmanager
def set_aside() -> Iterator[None]:
    """Within the block only Python's ``sys.stderr`` reaches the terminal.

    Ray's C++ parts write notices to file descriptor 2 that no setting silences. They go to a
    temporary file, whose last lines are shown if the block raises an error that is not expected.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    python_stderr = sys.stderr
    with tempfile.TemporaryFile() as notices:
        os.dup2(notices.fileno(), 2)
        if _writes_to(python_stderr, 2):
            sys.stderr = os.fdopen(os.dup(terminal), "w", buffering=1)
        try:
            yield
        except Exception as error:
            if isinstance(error, UsageError):
                raise
            notices.seek(0)
            lines = notices.read().decode(errors="replace").splitlines()[-KEPT_LINES:]
            print(*lines, sep="\n", file=sys.stderr)
            raise
        finally:
            sys.stderr.flush()
            if sys.stderr is not python_stderr:
                sys.stderr.close()
                sys.stderr = python_stderr
            os.dup2(terminal, 2)
            os.close(terminal)


def _writes_to(stream: object, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except (AttributeError, OSError, ValueError):
        return False
