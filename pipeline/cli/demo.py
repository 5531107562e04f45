"""``aqa-pipeline demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Quiet, Version
from pipeline.workspace import Console


def demo(
    output: Annotated[Path, typer.Option(help="Folder to leave everything in.")] = Path("demo-run"),
    seed: Annotated[int, typer.Option(help="Seed of the drawn data and of the training.")] = 0,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """Everything once, on drawn footage: raw video to features to scorer to report.

    Draws ribbon routines whose true scores are known, encodes them as video
    files, extracts features with a small Video Swin (random weights), trains,
    evaluates on held-out routines, and scores one of them. A few minutes on two
    cores; needs no data and no GPU.
    """
    from pipeline.demo import run_demo

    run_demo(output, Console(quiet), seed=seed)
    return 0
