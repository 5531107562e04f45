"""All benchmarks of speed and memory in one sitting: ``make bench``.

    python tests/benchmarks/sitting.py [DATA_ROOT] [--output docs] [--quick] [--only TEXT ...]

Runs each script as a person would, one after another, and writes ``benchmarks.md`` and ``.json``:
the machine, the versions, and each figure with its baseline, ratio and limit. An hour at most on
two cores; ``--quick`` is a form of seconds with figures that mean nothing. A script that fails is
named in the table, and the others go on. ``--only`` measures again what has TEXT in its command,
and keeps what an earlier sitting wrote of the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIBRARIES = ("aqa-pipeline", "torch", "torchvision", "openvino", "ray", "av", "decord",
             "opencv-python-headless", "pillow", "numpy")  # fmt: skip
CLIP_S = 32 / 25  # what a clip of the published protocol is of a video
TINY = "swin3d(depths=1-1,embed_dim=12,num_heads=1-2,patch_size=4-8-8,window_size=4-7-7)"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Figure:
    """``baseline`` what it is held against, as text; ``limit`` what the ratio or the value must
    come to, and whether it does (None: it has no limit)."""

    script: str
    what: str
    value: float
    unit: str
    baseline: str = ""
    ratio: float | None = None
    limit: str = ""
    holds: bool | None = None


@dataclass(frozen=True)
class Step:
    """One run of a script; ``figures`` of the JSON lines that it prints."""

    script: str
    arguments: tuple[str, ...]
    figures: Callable[[Rows], Iterator[Figure]]

    @property
    def command(self) -> str:
        return " ".join([f"python tests/benchmarks/{self.script}.py", *self.arguments])


def at_least(name: str, what: str, value: float, unit: str, ratio: float, baseline: str,
             limit: float) -> Figure:  # fmt: skip
    holds = ratio >= limit
    return Figure(name, what, value, unit, baseline, ratio, f"at least {limit:g} times", holds)


# What the torchvision module must be beaten by, in float32 and bfloat16, with two threads.
ENGINE_GOALS = {"swin3d_t": (3.0, 5.0), "swin3d_b": (3.3, 5.5)}


def of_backbone(rows: Rows) -> Iterator[Figure]:
    usual = rows[0]["seconds"]
    for row in rows:
        what = f"a clip of {row['backbone']}, {row['way']}, {row['threads']} thread(s)"
        baseline = f"torchvision float32, {usual} s" if row is not rows[0] else ""
        limits = ENGINE_GOALS.get(row["backbone"], (0.0, 0.0))
        limit = limits["bf16" in row["way"]] if "openvino" in row["way"] else 0.0
        what += f", {row['share']:.0%} of this machine's products"
        if limit and row["threads"] == 2:
            yield at_least(
                "backbone_speed", what, row["seconds"], "s", row["ratio"], baseline, limit
            )
        else:
            yield Figure("backbone_speed", what, row["seconds"], "s", baseline, row["ratio"])


def of_decoding(rows: Rows) -> Iterator[Figure]:
    (found,) = rows
    rates, usual = found["frames_per_s"], "the published chain, {} frames/s"
    for name, what, ratio, limit in (
        ("video", "720p H.264", found["video"], 1.5),
        ("images", "720p JPEG images", found["images"], 1.3),
        ("images, two cores", "720p JPEG images, two cores", found["images_two_cores"], 2.5),
    ):
        kind = name.split(",")[0]
        yield at_least("decoding_speed", f"reading and preparing {what}", rates[f"ours, {name}"],
                       "frames/s", ratio, usual.format(rates[f"published, {kind}"]),
                       limit)  # fmt: skip
    for kind, steps in found["step_ms"].items():
        for step, ms in steps.items():
            yield Figure("decoding_speed", f"a frame of {kind}: {step}", ms, "ms")


def of_script(rows: Rows) -> Iterator[Figure]:
    (found,) = rows
    what = f"extract of {found['clips']} clips of swin3d_t, its start included"
    limit = 3.0 if found["clips"] >= 200 else 2.5
    yield at_least("against_script", what, found["extract_s"], "s", found["ratio"],
                   f"the usual script, {found['script_s']} s", limit)  # fmt: skip
    yield Figure("against_script", "the same, first run ever", found["first_run_s"], "s")


def of_score(rows: Rows) -> Iterator[Figure]:
    (found,) = rows
    ratio = found["ratio"]
    parts = ", ".join(f"{name} {s} s" for name, s in found["parts_s"].items())
    what = f"score of a video of {found['clips']} clips, {found['backbone']}"
    yield Figure("score_time", what, found["score_s"], "s",
                 f"its parts on {found['cores']} cores: {found['expected_s']} s ({parts})", ratio,
                 "at most 1.1 times", ratio <= 1.1)  # fmt: skip
    yield Figure("score_time", "the same, first run ever", found["cold_s"], "s")


def of_worker(rows: Rows) -> Iterator[Figure]:
    for row in rows:
        ours = row["way"] != "torchvision"
        yield Figure("worker_memory", f"peak memory of a worker, {row['backbone']}, {row['way']}",
                     row["gib"], "GiB", f"torchvision, {rows[0]['gib']} GiB" if ours else "",
                     row["ratio"] if ours else None, "at most 1.2 times" if ours else "",
                     row["ratio"] <= 1.2 if ours else None)  # fmt: skip


def of_extract(rows: Rows) -> Iterator[Figure]:
    whole, *costs = rows
    slower = min(whole["decode"], whole["backbone"])
    yield Figure("extract_rate", "both stages through Ray, features written", whole["both"],
                 "clips/s", f"the slower one alone, {slower} clips/s ({whole['lowest']} to "
                 f"{whole['highest']} times)", whole["median"], "at least 0.95 times",
                 whole["median"] >= 0.95)  # fmt: skip
    for row in costs:
        ours = round(row["driver"] + row["command"], 4)
        limited = row["clips"] == 140
        yield Figure("extract_rate", f"driver and command, videos of {row['clips']} clips", ours,
                     "ms a clip", f"worker {row['worker']}, Ray's own {row['ray']}", None,
                     "at most 0.1" if limited else "",
                     ours <= 0.1 if limited else None)  # fmt: skip


def of_many(rows: Rows) -> Iterator[Figure]:
    for row in rows:
        yield Figure("many_workers", f"{row['workers']} workers that only wait: share of the time "
                     "that they are busy", row["busy"], "",
                     f"{row['clips_per_s']} clips/s, driver {row['driver']} cores")  # fmt: skip


def of_memory(rows: Rows) -> Iterator[Figure]:
    one, *_ = rows
    for row in rows:
        more = row is not one
        yield Figure("extract_memory", f"peak memory of extract, {row['videos']} video(s) of 720p",
                     row["peak_gib"], "GiB", f"one video, {one['peak_gib']} GiB" if more else "",
                     row["ratio"] if more else None)  # fmt: skip


def of_readers(rows: Rows) -> Iterator[Figure]:
    for row in rows:
        yield Figure("readers", f"PyAV, {row['file']}", row["pyav_frames_per_s"], "frames/s",
                     f"decord, {row['decord_frames_per_s']} frames/s", row["faster"])  # fmt: skip


def of_page(rows: Rows) -> Iterator[Figure]:
    one, many = rows
    for what, row, key, unit, limit in (
        ("a report of one routine: until something is seen", one, "seen_ms", "ms", 1000),
        ("the longest task of its script while it plays", one, "longest_task_ms", "ms", 50),
        (f"a report of {many['routines']} routines: until it is open", many, "opened_s", "s", 3),
    ):
        what += f" ({row['bytes'] / 1e6:.2f} MB)"
        yield Figure("page_speed", what, row[key], unit, "", None, f"at most {limit}",
                     row[key] <= limit)  # fmt: skip


def of_serve(rows: Rows) -> Iterator[Figure]:
    for alone, served in zip(rows[::2], rows[1::2], strict=True):
        latency = ", ".join(f"{value:.0f}" for value in served["latency_s"].values())
        yield Figure("serve_load", f"{served['what']}, {served['videos']} videos (seconds to a "
                     f"result, 10, 50, 90, 100 %: {latency})", served["videos_per_minute"],
                     "videos/min", f"one score command, {alone['videos_per_minute']:.1f} "
                     f"({served['of_score_without_start']:.2f} without its start)",
                     served["of_score"], "at least 0.9 times, nothing lost",
                     served["of_score"] >= 0.9 and not served["lost"]
                     and not served["other_results"])  # fmt: skip


def of_training(rows: Rows) -> Iterator[Figure]:
    for row in rows:
        yield Figure("training_speed", f"an epoch of the published recipe, {row['precision']}",
                     row["epoch_s"], "s", f"float32, {rows[0]['epoch_s']} s",
                     row["ratio"])  # fmt: skip


def full(data: Path | None) -> list[Step]:
    steps = [
        *(Step("backbone_speed", ("--backbone", name, "--threads", threads), of_backbone)
          for name, threads in (("swin3d_t", "1"), ("swin3d_s", "1"), ("swin3d_b", "1"),
                                ("swin3d_t", "2"), ("swin3d_b", "2"))),
        Step("worker_memory", ("--backbone", "swin3d_t"), of_worker),
        Step("decoding_speed", (), of_decoding),
        Step("score_time", (), of_score),
        Step("against_script", ("--videos", "3", "--seconds", "17"), of_script),
        Step("against_script", ("--videos", "3", "--seconds", "171"), of_script),
        Step("extract_rate", ("--videos", "4", "--rounds", "7"), of_extract),
        Step("many_workers", (), of_many),
        Step("extract_memory", ("--seconds", "120"), of_memory),
        Step("readers", ("--repeats", "3"), of_readers),
    ]  # fmt: skip
    steps.append(
        Step("serve_load", ("--videos", "24", "--seconds", "8", "--rounds", "1"), of_serve)
    )
    if shutil.which("chromium"):
        steps.append(Step("page_speed", (), of_page))
    if data is not None:
        steps.append(Step("training_speed", (str(data), "--epochs", "1"), of_training))
    return steps


def quick() -> list[Step]:
    """Some of them where they take seconds: that they run, and that their lines are read."""
    steps = [
        Step("backbone_speed", ("--backbone", TINY, "--rounds", "1"), of_backbone),
        Step("decoding_speed", ("--seconds", "2", "--rounds", "1"), of_decoding),
        Step("readers", ("--kinds", "H.264 480p short", "--repeats", "1"), of_readers),
    ]
    if shutil.which("chromium"):
        steps.append(Step("page_speed", ("--seconds", "10", "--routines", "20"), of_page))
    return steps


def video_hours(rows: dict[str, Rows]) -> Iterator[Figure]:
    """Of 720p H.264 that a core reads and computes in an hour, for each backbone measured alone on
    one core."""
    for (found,) in (rows[key] for key in rows if "/decoding_speed." in key):
        frame_s = 1 / found["frames_per_s"]["ours, video"]
        for row in (row for key in rows if "/backbone_speed." in key for row in rows[key]):
            if row["threads"] == 1 and not row["way"].startswith("torch "):
                core_s = row["seconds"] + 32 * frame_s
                yield Figure("backbone_speed, decoding_speed", f"{row['backbone']}, {row['way']}",
                             round(CLIP_S / core_s, 3), "video-hours a core-hour")  # fmt: skip


def lines_of(step: Step) -> Rows:
    """What it printed: JSON lines, or one document over several lines."""
    done = subprocess.run([sys.executable, str(HERE / f"{step.script}.py"), *step.arguments],
                          stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    try:
        return [json.loads(done.stdout)]
    except ValueError:
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def figures_of(
    steps: list[Step], rows: dict[str, Rows], failed: dict[str, str]
) -> Iterator[Figure]:
    """Of every step that was measured; one whose lines do not say what is expected has failed."""
    for step in steps:
        try:
            yield from step.figures(rows[step.command]) if step.command in rows else ()
        except (ValueError, LookupError) as error:
            failed[step.command] = f"{type(error).__name__}: {error}"
    yield from video_hours(rows)


def machine() -> dict[str, Any]:
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = {line.split(": ")[1] for line in text.splitlines() if line.startswith("model name")}
    return {
        "processor": ", ".join(sorted(models)) or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: version(name) for name in LIBRARIES},
    }


def page(report: dict[str, Any]) -> str:
    about = report["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        "# Benchmarks of speed and memory",
        "",
        f"Made by `make bench` in {report['minutes']} minutes, finished on {report['date']}; "
        "baselines are measured in turns with ours, and ratios are what counts: the machine is "
        "shared. What each one means: tests/benchmarks/README.md.",
        "",
        f"{about['processor']}, {about['cores']} cores; {about['system']}; {versions}.",
        "",
    ]
    head = ["| what | | held against | ratio | limit |", "| --- | --- | --- | --- | --- |"]
    scripts = list(dict.fromkeys(figure["script"] for figure in report["figures"]))
    for script in scripts:
        lines += [f"## {script.replace(', ', ' and ')}", ""]
        lines += [f"    {command}" for name, command in report["commands"] if name == script]
        lines += ["", *head]
        lines += [row_of(f) for f in report["figures"] if f["script"] == script] + [""]
    lines += [f"Failed: {line}" for line in report["failed"]]
    return "\n".join(lines).rstrip() + "\n"


def row_of(figure: dict[str, Any]) -> str:
    limit = figure["limit"]
    if figure["holds"] is not None:
        limit += ": held" if figure["holds"] else ": **missed**"
    ratio = "" if figure["ratio"] is None else f"{figure['ratio']:g}"
    value = f"{figure['value']:g} {figure['unit']}".strip()
    return f"| {figure['what']} | {value} | {figure['baseline']} | {ratio} | {limit} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data_root", type=Path, nargs="?", help="of Fis-V, for training_speed")
    parser.add_argument("--output", type=Path, default=Path("docs"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", metavar="TEXT")
    options = parser.parse_args()
    data = options.data_root if options.data_root and options.data_root.is_dir() else None
    steps = quick() if options.quick else full(data)
    options.output.mkdir(parents=True, exist_ok=True)
    kept, rows, minutes, began = options.output / "benchmarks.json", {}, 0, time.monotonic()
    if options.only and kept.exists():
        before = json.loads(kept.read_text())
        rows, minutes = before["rows"], before["minutes"]
    failed: dict[str, str] = {}
    for step in steps:
        if options.only and not any(text in step.command for text in options.only):
            continue
        print(f"{(time.monotonic() - began) / 60:5.1f} min  {step.command}", flush=True)
        rows.pop(step.command, None)
        try:
            rows[step.command] = lines_of(step)
        except subprocess.CalledProcessError as error:
            failed[step.command] = f"status {error.returncode}"
        report = {
            "date": time.strftime("%Y-%m-%d"),
            "minutes": minutes + round((time.monotonic() - began) / 60),
            "machine": machine(),
            "commands": [(each.script, each.command) for each in steps],
            "figures": [asdict(figure) for figure in figures_of(steps, rows, failed)],
            "failed": [f"{command}: {reason}" for command, reason in failed.items()],
            "rows": rows,
        }
        # After each step: what was measured is kept if the sitting is cut off.
        kept.write_text(json.dumps(report, indent=1) + "\n")
        (options.output / "benchmarks.md").write_text(page(report))
    print("\n".join(failed.values()) or f"{options.output / 'benchmarks.md'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
