"""The process that reads, and the one that it reads for: stopped, killed, forked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from extractors.readers import decord_available

ROOT = Path(__file__).resolve().parents[3]
needs_decord = pytest.mark.skipif(not decord_available(), reason="decord has no wheel here")


PAUSED = """
import os, signal, sys, threading
import psutil
from extractors import open_clips
stream = open_clips(sys.argv[1], "mini16x112", stall_limit_s=1)
(child,) = psutil.Process().children()
child.suspend()
if os.fork() == 0:  # stops the reader for longer than its limit, then lets it and the child go on
    import time
    time.sleep(0.1)
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(1.2)
    os.kill(os.getppid(), signal.SIGCONT)
    time.sleep(0.1)
    child.resume()
    os._exit(0)
print(len(list(stream)))
"""


def test_time_in_which_the_reader_itself_is_stopped_does_not_count(make_video) -> None:
    assert run(PAUSED, make_video("a.mp4", 40)) == "2\n"


ORPHANS = """
import os, signal, sys
import psutil
from extractors import open_clips
clips = iter(open_clips(sys.argv[1], "contiguous32", reader=sys.argv[2]))
next(clips)
if sys.argv[3] == "resting":
    list(clips)
children = psutil.Process().children(recursive=True)
if sys.argv[3] == "stopped":
    for child in children:
        child.suspend()
print(*[child.pid for child in children], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def run(program: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,  # four Pythons start one after the other: a minute where 50 others compete
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("reader", ["pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize("state", ["reading", "stopped", "resting"])
def test_a_killed_parent_leaves_no_process(make_video, soon, gone, reader: str, state: str) -> None:
    pids = run(ORPHANS, make_video("a.mp4", 160), reader, state).split()
    assert len(pids) == (2 if reader == "decord" and state != "resting" else 1)
    for pid in pids:
        assert soon(lambda pid=pid: gone(int(pid)))


FORK = """
import os, sys
import psutil
from extractors import ExtractorError, open_clips, read_clips
list(read_clips(sys.argv[1], "mini16x112"))
stream = open_clips(sys.argv[1], "contiguous32")
clips = iter(stream)
next(clips)
child = os.fork()
if child == 0:
    print(len(list(read_clips(sys.argv[1], "contiguous32"))), len(list(stream)), flush=True)
    try:
        next(clips)
    except ExtractorError as error:
        print(error, flush=True)
    del clips
    os._exit(0)
os.waitpid(child, 0)
print(1 + len(list(clips)), len(psutil.Process().children()))
"""


def test_a_forked_process_has_its_own(make_video) -> None:
    own, error, parents = run(FORK, make_video("a.mp4", 160)).splitlines()
    assert (own, parents) == ("5 5", "5 1")
    assert re.search(r"a\.mp4: the stream was opened before this process was forked: open", error)
