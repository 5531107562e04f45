"""Peak memory of an extraction: one 4-minute 720p video against twenty of them.

    python tests/benchmarks/extract_memory.py [--videos 20] [--seconds 240] [--footage DIR]

Runs ``aqa-pipeline extract`` with Ray on this machine and a tiny backbone, and adds up the
proportional set size of its whole process tree (shared pages, the object store among them, count
once), several times a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from footage import write_footage

# A backbone so small that reading is the work.
BACKBONE = "swin3d(depths=1-1,embed_dim=12,num_heads=1-2,patch_size=4-8-8,window_size=4-7-7)"
COMMAND = [str(Path(sys.executable).parent / "aqa-pipeline"), "extract", "--backbone", BACKBONE]
COMMAND += ["--weights", "random", "--videos"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--footage", type=Path, default=Path("runs/footage"))
    options = parser.parse_args()
    first = write_footage(
        options.footage / f"720p-{options.seconds:g}s.mp4", options.seconds, 1280, 720
    )
    peaks = []
    for count in (1, options.videos):
        with tempfile.TemporaryDirectory() as folder:
            for number in range(count):
                (Path(folder) / "in").mkdir(exist_ok=True)
                (Path(folder) / "in" / f"{number}.mp4").symlink_to(first.resolve())
            peak, store, seconds = run(Path(folder))
        peaks.append(peak)
        row = {"videos": count, "peak_gib": round(peak / 2**30, 2),
               "store_gib": round(store / 2**30, 2), "seconds": round(seconds),
               "ratio": round(peak / peaks[0], 2)}  # fmt: skip
        print(json.dumps(row), flush=True)


def run(folder: Path) -> tuple[int, int, float]:
    """(peak of all, object store at that moment) in bytes, and seconds."""
    began = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, "in", "--output", "out", "--quiet"], cwd=folder, stdout=subprocess.DEVNULL
    )
    peak = store = 0
    while process.poll() is None:
        total, shared = tree_memory(process.pid)
        if total > peak:
            peak, store = total, shared
        time.sleep(0.3)
    if process.returncode:
        sys.exit(f"extract ended with {process.returncode}")
    return peak, store, time.monotonic() - began


def tree_memory(root: int) -> tuple[int, int]:
    """Bytes of the process tree, and of its object store (pages of /dev/shm)."""
    total = store = 0
    try:
        processes = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    except psutil.Error:
        return 0, 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
            for entry in process.memory_maps():
                if entry.path.startswith("/dev/shm"):
                    store += entry.pss
        except psutil.Error:
            continue
    return total, store


if __name__ == "__main__":
    main()
