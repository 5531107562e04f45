"""Fixtures for all tests: reference data, small real videos, the command line in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data: ``$AQA_SHARED``, else ``../shared``; skips without it."""
    folder = Path(os.environ.get("AQA_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"no reference data at {folder} (set AQA_SHARED)")
    return folder


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CliResult]:
    """``cli("score", "x.mp4")`` runs a command in an empty working directory, ``tmp_path``."""
    from pipeline.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATASET_ROOT", raising=False)

    def run(*arguments: object) -> CliResult:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def routine_video(tmp_path: Path) -> Callable[..., Path]:
    """``routine_video("a.mp4", elements=3)`` writes a real H.264 file of a drawn routine."""
    from pipeline.drawn_routines import random_routine, write_video

    def make(name: str, elements: int = 3, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, random_routine(rng, elements), rng)
        return path

    return make
