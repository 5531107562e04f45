"""extract as it is met in containers and on clusters: no home, no room, one core, another locale.

Reference: case 32 of the cases made after public reports (a container's small /dev/shm:
ray-project/ray#14616; a user without a line in /etc/passwd: pytorch/pytorch#140765). In the suite
without Ray; with AQA_ENVIRONMENTS_RAY=1 (``make test-faults``) on a Ray of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from quick import COMMAND, TINY, TINY_SPEC

from pipeline.extraction.stages.assembly import Finished

WITH_RAY = bool(os.environ.get("AQA_ENVIRONMENTS_RAY"))
UNSHARE = ("unshare", "-m", "bash", "-c")
SITUATIONS = {
    "no_home": ("env", "-u", "HOME", "-u", "USER", "-u", "LOGNAME"),
    "unknown_user": (
        *("setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"),
        *("env", "-u", "HOME", "-u", "USER", "-u", "LOGNAME"),
    ),
    "home_readonly": (*UNSHARE, 'mount -t tmpfs -o ro,size=1m none "$HOME"; exec "$@"', "-"),
    "small_shm": (*UNSHARE, 'mount -t tmpfs -o size=4m none /dev/shm; exec "$@"', "-"),
    "tmp_small": (*UNSHARE, 'mount -t tmpfs -o size=4m none "$TMPDIR"; exec "$@"', "-"),
    "one_core": ("taskset", "-c", "0"),
    "deep_tmp": ("env",),
    "input_readonly": (
        *UNSHARE,
        'mount --bind "$INPUT" "$INPUT" && mount -o remount,ro,bind "$INPUT"; exec "$@"',
        "-",
    ),
    "few_files": ("bash", "-c", 'ulimit -n 256; exec "$@"', "-"),
    "c_locale": ("env", "LC_ALL=C", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0"),
    "no_gpu_seen": ("env", "CUDA_VISIBLE_DEVICES="),
    "second_gpu": ("env", "CUDA_VISIBLE_DEVICES=1"),
    "proxy": ("env", *(f"{n}_proxy=http://127.0.0.1:9" for n in ("http", "https", "all"))),
    "closed_stdin": ("bash", "-c", 'exec "$@" 0<&-', "-"),
}
WANTS_RAY = {"deep_tmp", "small_shm", "tmp_small", "no_gpu_seen", "second_gpu"}
NEEDS_ROOT = {"unknown_user", "home_readonly", "small_shm", "tmp_small", "input_readonly"}


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary folder in which Ray's sockets can lie."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_features_are_those_of_any_other_place(
    situation: str,
    routine_video: Callable[..., Path],
    alone: Callable[..., Finished],
    short: Path,
    tmp_path: Path,
) -> None:
    wrapper = SITUATIONS[situation]
    if situation in WANTS_RAY and not WITH_RAY:
        pytest.skip("of interest with Ray: make test-faults")
    if situation in NEEDS_ROOT and (os.getuid() or not may_mount()):
        pytest.skip("needs root, and a kernel that lets it mount")
    if shutil.which(wrapper[0]) is None:
        pytest.skip(f"needs {wrapper[0]}")
    if situation == "unknown_user" and not open_to_all(Path(sys.executable).resolve()):
        pytest.skip("needs a Python that any user may run")
    videos = [routine_video(f"in/{number}.mp4", elements=3, seed=number) for number in range(2)]
    home, output = tmp_path / "home", tmp_path / "out"
    temporary = tmp_path / ("a-folder-of-one-job" * 4) if situation == "deep_tmp" else short
    footage = tmp_path / "in"
    for folder in (home, temporary, output):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
    if situation == "unknown_user" and not open_to_all(output):
        pytest.skip("needs a temporary folder that any user may enter")
    done = subprocess.run(
        [
            *wrapper, COMMAND, "extract", "--videos", str(footage),
            "--output", str(output), *TINY, *(() if WITH_RAY else ("--ray-address", "none")),
        ],
        env=os.environ | {"HOME": str(home), "TMPDIR": str(temporary), "INPUT": str(footage)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for video in videos:
        stored = np.load(output / f"{video.stem}.npy")
        assert stored.tobytes() == alone(video, TINY_SPEC).features.tobytes()


def test_a_temporary_folder_without_any_room_is_named(
    routine_video: Callable[..., Path], short: Path, tmp_path: Path
) -> None:
    """Ray cannot start there; it says where it wanted room, and what works without it."""
    if os.getuid() or not may_mount():
        pytest.skip("needs root, and a kernel that lets it mount")
    if not WITH_RAY:
        pytest.skip("Ray gives up after half a minute: make test-faults")
    for number in range(2):
        routine_video(f"in/{number}.mp4", elements=3, seed=number)
    full = 'mount -t tmpfs -o size=64k none "$TMPDIR"; head -c 60k /dev/zero > "$TMPDIR/x"; "$@"'
    done = subprocess.run(
        [*UNSHARE, full, "-", COMMAND, "extract", "--videos", "in", "--output", "out", *TINY],
        env=os.environ | {"TMPDIR": str(short)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()[-1:]
    assert line.startswith("error: cannot start Ray on this machine: ")
    assert f"{short}: 0.0 GiB free" in line and "--ray-address none works" in line


def may_mount() -> bool:
    command = [*UNSHARE, "mount -t tmpfs none /mnt"]
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(command, capture_output=True).returncode
    )


def open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)
