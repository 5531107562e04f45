"""``extract`` against the script that everyone has (``usual_script``), each as a command, in turns.

    python tests/benchmarks/against_script.py [--videos 3] [--seconds 17] [--rounds 1]

480x360 H.264 at 25 frames/s, ``swin3d_t`` with random weights, two threads or two workers; from the
start of the process to its end. The first run of ``extract`` converts the backbone and is stated
apart; the others find it converted, as every run after the first does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from footage import write_footage

HERE = Path(__file__).parent
COMMAND = str(Path(sys.executable).parent / "aqa-pipeline")


def timed(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ | environment, capture_output=True)
    return time.perf_counter() - began


def measure(videos: int, length_s: float, rounds: int) -> dict[str, object]:
    """Seconds of both, and how often the script's time holds that of ``extract``."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        paths = [
            str(write_footage(place / f"in/{number}.mp4", length_s, 480, 360))
            for number in range(videos)
        ]
        cache = {"AQA_MODELS_DIR": str(place / "models")}
        swin = ["--backbone", "swin3d_t", "--weights", "random"]

        def extract(name: str) -> float:
            output = str(place / name)
            return timed([COMMAND, "extract", "--videos", *paths, "--output", output, *swin], cache)

        first = extract("first")
        usual, ours = [], []
        for turn in range(rounds):
            script = [sys.executable, str(HERE / "usual_script.py"), str(place / "script"), *paths]
            usual.append(timed(script, {"OMP_NUM_THREADS": "2"}))
            ours.append(extract(f"ours{turn}"))
    script_s, extract_s = statistics.median(usual), statistics.median(ours)
    return {
        "clips": videos * int(length_s * 25 // 32),
        "script_s": round(script_s, 1),
        "extract_s": round(extract_s, 1),
        "ratio": round(script_s / extract_s, 2),
        "first_run_s": round(first, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=17.0)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(measure(options.videos, options.seconds, options.rounds)))


if __name__ == "__main__":
    main()
