"""A process of its own for Ray's driver: what it gives, and how it ends. The jobs are not Ray's."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import psutil
import pytest

from extractors.errors import UnforeseenError
from pipeline.cluster.driver import RayLostError, driven
from pipeline.errors import UsageError
from pipeline.workspace.settings import load_settings

LIMIT_S = 60.0
PARENT = """
import os, psutil, time
from pipeline.cluster.driver import driven
jobs = driven(map, time.sleep, [0, 300], limit_s=600)
next(jobs)
print(psutil.Process().children()[0].pid, flush=True)
next(jobs)
"""


def drivers() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [
        process for process in found if "pipeline.cluster.driver" in " ".join(process.cmdline())
    ]


def test_items_come_in_order_and_the_process_ends() -> None:
    assert list(driven(range, 2000, limit_s=LIMIT_S)) == list(range(2000))
    assert not drivers()


def test_what_a_library_prints_does_not_come_among_the_items() -> None:
    assert list(driven(map, print, ["some words"], limit_s=LIMIT_S)) == [None]


def test_our_own_errors_are_raised_again_others_with_their_traceback(tmp_path: Path) -> None:
    (tmp_path / "aqa.yaml").write_text("nonsense: 1")
    with pytest.raises(UsageError, match="nonsense"):
        list(driven(map, load_settings, [tmp_path], limit_s=LIMIT_S))
    given = driven(map, math.sqrt, [4.0, -1.0], limit_s=LIMIT_S)
    assert next(given) == 2.0
    with pytest.raises(UnforeseenError, match=r"(?s)Traceback .*ValueError: math domain error"):
        next(given)


def test_what_starts_ray_outside_of_real_ray_fails() -> None:
    with pytest.raises(UnforeseenError, match="this test starts Ray: let it use no_ray"):
        list(driven(map, import_module, ["ray"], limit_s=LIMIT_S))


ENDED = "the process that drives Ray ended with status 7"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", ENDED),
        ("[2026-11-25 18:00:00,1 E 12] gcs.cc:7: No GCS. Or so.\n\n", f"{ENDED}: No GCS"),
        (
            "\x1b[33m(raylet)\x1b[0m Raylet is terminated. Because.\nMore of that\n",
            "Ray's raylet on this machine was ended, by whom Ray does not know",
        ),
    ],
)
def test_a_process_that_ends_says_how_and_what_was_written(written: str, words: str) -> None:
    code = f"import os; os.write(2, {written.encode()!r}); os._exit(7)"
    with pytest.raises(RayLostError) as lost:
        list(driven(map, exec, [code], limit_s=LIMIT_S))
    assert str(lost.value) == words


def test_a_process_that_is_killed_is_noticed() -> None:
    given = driven(map, time.sleep, [0, 300], limit_s=LIMIT_S)
    next(given)
    drivers()[0].kill()
    with pytest.raises(RayLostError, match=r"^the process that drives Ray was ended by SIGKILL$"):
        next(given)


def test_a_process_that_gives_nothing_is_ended() -> None:
    given = driven(map, time.sleep, [0, 300], limit_s=0.5)
    assert next(given) is None
    with pytest.raises(RayLostError, match=r"^nothing came for 0\.5 s$"):
        next(given)
    assert not drivers()


def test_closing_ends_it() -> None:
    given = driven(map, time.sleep, [0, 300], limit_s=LIMIT_S)
    next(given)
    given.close()
    assert not drivers()


def test_it_ends_with_the_process_that_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        driver = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([driver], timeout=LIMIT_S)
    assert not driver.is_running()
