"""How a server bears many at once, against one `score` command over the same videos.

    python tests/benchmarks/serve_load.py [--clients 20] [--videos 40] [--seconds 15]
                                          [--backbone swin3d_t] [--rounds 2]

Draws footage, trains a scorer on features of random weights, and then, in turn: `score` over the
videos (with its start, and without: from its first clip on), and a new server to which so many
clients at once upload them, each one after the other, and ask every 0.2 s. Prints a JSON line for
each, and a table: videos a minute, quantiles of seconds from upload to result, how many came out
otherwise than from `score`, how many overtook.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import httpx
import numpy as np

from pipeline.demo.drawn import random_routine, write_video

COMMAND = str(Path(sys.executable).parent / "aqa-pipeline")
ELEMENT_S = 16 / 25
ASK_S = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--backbone", default="swin3d_t")
    parser.add_argument("--protocol", default="contiguous32")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        videos = draw(place / "videos", options.videos, options.seconds)
        checkpoint = train(place, videos, options)
        rows = []
        for number in range(options.rounds):
            alone = score(place / f"alone-{number}", videos, checkpoint)
            served = serve(place / f"served-{number}", videos, checkpoint, options.clients, alone)
            alone.pop("results")
            for row in (alone, served):
                print(json.dumps(row), flush=True)
                rows.append(row)
    show(rows)


def draw(folder: Path, count: int, seconds: float) -> list[Path]:
    folder.mkdir()
    random, paths = np.random.default_rng(0), []
    for number in range(count):
        paths.append(folder / f"{number:03d}.mp4")
        write_video(paths[-1], random_routine(random, max(1, round(seconds / ELEMENT_S))), random)
    return paths


def train(place: Path, videos: Sequence[Path], options: argparse.Namespace) -> Path:
    """A scorer of features that these videos have; what it says does not matter here."""
    few = videos[: max(4, len(videos) // 5)]
    labels = place / "scores.csv"
    labels.write_text("id,score\n" + "".join(f"{v.stem},{n}\n" for n, v in enumerate(few)))
    spec = ("--backbone", options.backbone, "--weights", "random", "--protocol", options.protocol)
    features = place / "features"
    run("extract", "--videos", *few, *spec, "--ray-address", "none", "--output", features)
    run("train", "--labels", labels, "--features", features, "--output", place / "run",
        "--calibration-folds", "0")  # fmt: skip
    return next((place / "run").rglob("model.pt"))


def run(*arguments: object) -> str:
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{arguments[0]}: {done.stderr}")
    return done.stdout


def score(place: Path, videos: Sequence[Path], checkpoint: Path) -> dict[str, Any]:
    """In an empty working folder, so that no features are there."""
    place.mkdir()
    began = time.perf_counter()
    command = [COMMAND, "score", *videos, "--checkpoint", checkpoint, "--json"]
    process = subprocess.Popen(
        command, cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    first: list[float] = []

    def watch() -> None:
        for _ in process.stderr:
            if not first:
                first.append(time.perf_counter())  # progress of the first video, or that it is done

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    results = json.loads(process.stdout.read())["results"]
    ended = time.perf_counter()
    return {
        "what": "score",
        "videos": len(videos),
        "videos_per_minute": 60 * len(videos) / (ended - began),
        "without_start": 60 * (len(videos) - 1) / (ended - first[0]) if first else None,
        "results": {Path(each["video"]).name: each["score"] for each in results},
    }


def serve(
    place: Path, videos: Sequence[Path], checkpoint: Path, clients: int, alone: dict[str, Any]
) -> dict[str, Any]:
    with server("--folder", place, "--checkpoint", checkpoint) as address:
        todo: SimpleQueue[Path] = SimpleQueue()
        for video in [videos[0], *videos]:
            todo.put(video)
        warm_up(address, todo.get())
        came: dict[str, tuple[float, float, float]] = {}
        began = time.perf_counter()
        threads = [
            threading.Thread(target=client, args=(address, todo, came)) for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
        listed = httpx.get(f"{address}v1/jobs").json()["jobs"]
    counted = {name: seen for name, seen in came.items() if name != videos[0].name}
    waits = sorted(done - sent for sent, done, _ in counted.values())
    arrived = [job["name"] for job in reversed(listed) if job["name"] in counted]
    in_order = [counted[name][1] for name in arrived]
    return {
        "what": f"serve, {clients} clients",
        "videos": len(counted),
        "videos_per_minute": 60 * len(counted) / took,
        "of_score": len(counted) / took / (alone["videos_per_minute"] / 60),
        "of_score_without_start": len(counted) / took / (alone["without_start"] / 60),
        "latency_s": {q: float(np.quantile(waits, float(q))) for q in ("0.1", "0.5", "0.9", "1")},
        "other_results": sum(
            abs(alone["results"][name] - value) > 1e-6 for name, (_, _, value) in came.items()
        ),
        "lost": len(videos) - len(came),
        "furthest_overtaken": int(max(
            sum(later < done for later in in_order[place + 1 :])
            for place, done in enumerate(in_order)
        )),
    }  # fmt: skip


def warm_up(address: str, video: Path) -> None:
    """The backbones are loaded at the first video: it is not counted."""
    client(address, _one(video), {})


def _one(video: Path) -> SimpleQueue[Path]:
    queue: SimpleQueue[Path] = SimpleQueue()
    queue.put(video)
    return queue


def client(
    address: str, todo: SimpleQueue[Path], came: dict[str, tuple[float, float, float]]
) -> None:
    with httpx.Client(base_url=address, timeout=120) as web:
        while True:
            try:
                video = todo.get_nowait()
            except Empty:
                return
            sent = time.perf_counter()
            answer = web.post("/v1/score", params={"name": video.name}, content=video.read_bytes())
            answer.raise_for_status()
            job = answer.json()
            while job["state"] in ("queued", "running"):
                time.sleep(ASK_S)
                job = web.get(f"/v1/jobs/{job['id']}").json()
            (value,) = job["scores"].values()
            came[video.name] = sent, time.perf_counter(), value


@contextmanager
def server(*arguments: object) -> Iterator[str]:
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", "0", *map(str, arguments)], text=True, stdout=subprocess.PIPE
    )
    try:
        for line in process.stdout:
            if found := re.search(r"http://\S+", line):
                yield found[0]
                break
    finally:
        process.terminate()
        process.wait(30)


def show(rows: Sequence[dict[str, Any]]) -> None:
    print("\n| what | videos a minute | of score (without its start) | latency 10, 50, 90, 100 % |")
    print("| --- | --- | --- | --- |")
    for row in rows:
        if row["what"] == "score":
            print(f"| score | {row['videos_per_minute']:.1f} ({row['without_start']:.1f}) | 1 | |")
            continue
        latency = ", ".join(f"{value:.1f} s" for value in row["latency_s"].values())
        print(
            f"| {row['what']} | {row['videos_per_minute']:.1f} | {row['of_score']:.2f} "
            f"({row['of_score_without_start']:.2f}) | {latency} |"
        )


if __name__ == "__main__":
    main()
