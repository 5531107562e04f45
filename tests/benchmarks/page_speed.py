"""How quick a report is in a browser: Debian's Chromium, headless.

    python tests/benchmarks/page_speed.py [--seconds 240] [--routines 300]

Of a routine of that length with its video: milliseconds until something is seen, the longest task
of a script while it plays five seconds, bytes of the page. Of a page with many routines: until the
first is drawn. A JSON line each.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from footage import write_footage

from pipeline.reports import write_report
from pipeline.scoring.result import ClipAssessment, Contribution, Explained, Result

CLIP_S = 1.28
# What a script did for longer than 50 ms, from the start on.
WATCH = "new PerformanceObserver(list => (window.tasks ||= []).push(...list.getEntries()))"
WATCH += ".observe({ type: 'longtask', buffered: true })"


def routine(video: str, seconds: float, seed: int) -> Result:
    points = np.random.default_rng(seed).normal(0, 0.1, max(1, int(seconds / CLIP_S)))
    spans = [(i * CLIP_S, (i + 1) * CLIP_S) for i in range(len(points))]
    share = 1 / len(points)
    return Result(
        video=video,
        score=20 + float(points.sum()),
        score_name="score",
        score_range=(0.0, 43.0),
        clips=tuple(ClipAssessment(*span, 20.0, share, True) for span in spans),
        checkpoint="model.pt",
        features=None,
        explained=Explained(
            20.0, tuple(Contribution(*s, float(p)) for s, p in zip(spans, points, strict=True)), ()
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--routines", type=int, default=300)
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        one, many = Path(folder) / "one.html", Path(folder) / "many.html"
        video = write_footage(Path(folder) / "video.mp4", options.seconds, 1280, 720)
        write_report(one, [routine(str(video), options.seconds, 0)], [])
        write_report(
            many, [routine(f"{n}.mp4", options.seconds, n) for n in range(options.routines)], []
        )
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page()
        page.add_init_script(WATCH)
        page.goto(one.as_uri())
        page.wait_for_function("document.querySelector('video')?.readyState > 2")
        seen = page.evaluate("performance.getEntriesByType('paint').at(-1).startTime")
        began = page.evaluate("performance.now()")
        page.keyboard.press(" ")
        page.wait_for_timeout(5000)
        played = page.evaluate("document.querySelector('video').currentTime")
        tasks = page.evaluate("(window.tasks || []).map(task => [task.startTime, task.duration])")
        longest = max((ms for at, ms in tasks if at > began), default=0.0)
        row = {
            "routines": 1,
            "seen_ms": round(seen),
            "longest_task_ms": round(longest),
            "played_s": round(played, 1),
            "bytes": one.stat().st_size,
        }
        print(json.dumps(row), flush=True)
        started = time.perf_counter()
        page.goto(many.as_uri())
        page.wait_for_selector("canvas")
        row = {
            "routines": options.routines,
            "opened_s": round(time.perf_counter() - started, 2),
            "bytes": many.stat().st_size,
        }
        print(json.dumps(row), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
