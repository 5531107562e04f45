"""The benchmarks' scripts still fit what they measure; some run, in a form of seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from quick import TINY_NAME

FOLDER = Path(__file__).parent / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if "ArgumentParser(" in path.read_text())


def run(*arguments: object) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_that_they_import_is_there() -> None:
    names = [script.removesuffix(".py") for script in SCRIPTS]
    assert run("-c", f"import {', '.join(names)}; print('all')").endswith("all\n")


def test_each_is_in_the_list() -> None:
    text = (FOLDER / "README.md").read_text()
    assert [script for script in SCRIPTS if f"`{script}`" not in text] == []


def test_a_sitting_in_small(tmp_path: Path) -> None:
    run("sitting.py", "--quick", "--output", tmp_path)
    report = json.loads((tmp_path / "benchmarks.json").read_text())
    assert report["failed"] == []
    figures = report["figures"]
    assert {"decoding_speed", "readers", "backbone_speed"} <= {each["script"] for each in figures}
    assert all(each["value"] >= 0 for each in figures)
    ratios = [each["ratio"] for each in figures if each["baseline"]]
    assert len(ratios) > 6 and min(ratios) > 0
    table = (tmp_path / "benchmarks.md").read_text()
    assert all(f"| {each['what']} |" in table for each in figures)


def test_a_gpu_s_script_in_small() -> None:
    options = ("--device", "cpu", "--backbone", TINY_NAME, "--batches", 1, "--rounds", 1)
    *rows, decoding = run("gpu_speed.py", *options, "--cores", 1, "--seconds", 2).splitlines()
    assert [json.loads(row)["way"] for row in rows] == ["eager float32", "eager bf16", "ours bf16"]
    assert all(json.loads(row)["clips_per_s"] > 0 for row in rows)
    assert json.loads(decoding)["frames_per_s"] > 0
