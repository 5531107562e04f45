"""Starts the reading process: run by file path, so that it works below any script, whatever that
script's ``__main__`` is.  Arguments: the parent's process id, its import path as JSON.
"""

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everyone: the parent decides
    if sys.platform == "linux":
        # The parent may die while this process hangs or is stopped: let the kernel end it then.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(sys.argv[1]):
            return
    with os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        os.dup2(2, 1)  # what any library prints must not come among the answers
        sys.path[:] = json.loads(sys.argv[2])
        from extractors.clips.service import serve

        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
