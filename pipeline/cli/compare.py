"""``aqa-pipeline compare``: its options, and what they come to."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from extractors.readers import FRAME_RATE
from pipeline.cli.options import (
    Backbone,
    Device,
    Engine,
    FrameRate,
    Json,
    Quiet,
    Stream,
    Version,
    Weights,
)
from pipeline.cli.scoring import (
    Checkpoints,
    EmbedVideo,
    Inputs,
    Report,
    Wanted,
    parts_of,
    require_page,
    score_inputs,
)
from pipeline.workspace import Console


def compare(
    inputs: Inputs,
    checkpoint: Checkpoints = None,
    align: Annotated[
        Literal["time", "phase"],
        typer.Option(help="What lies side by side: the same second, or the same share of each."),
    ] = "time",
    start: Annotated[
        list[float] | None,
        typer.Option(help="Second at which the routine begins; once for all, or once for each."),
    ] = None,
    end: Annotated[
        list[float] | None, typer.Option(help="Second at which it ends, in the same way.")
    ] = None,
    backbone: Backbone = None,
    weights: Weights = None,
    stream: Stream = None,
    frame_rate: FrameRate = FRAME_RATE,
    json: Json = False,
    report: Report = None,
    embed_video: EmbedVideo = False,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="A CSV with id and date (2026-01-31), the order of the routines, and the judges' "
            "scores, where it has them."
        ),
    ] = None,
    device: Device = None,
    engine: Engine = None,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """Two performances on one timeline, or one athlete's routines over time.

    Of two: the difference of the scores, whether it is larger than the model can
    tell, and where in the routine it comes from. Of more: each against the one
    before it, in the order given or by date, and the trend.

    Examples:

      aqa-pipeline compare monday.mp4 friday.mp4 --report compare.html

      aqa-pipeline compare a.mp4 b.mp4 --start 3.5 --start 12

      aqa-pipeline compare athlete/*.mp4 --labels seasons.csv
    """
    from pipeline.reports import print_comparisons, show_comparisons
    from pipeline.scoring import compare_results

    console = Console(quiet, json)
    require_page(embed_video, report)
    parts = parts_of(start, end, stream)
    wanted = Wanted(checkpoint, backbone, weights, device, engine, frame_rate, labels, (report,))
    scored = score_inputs(inputs, parts, wanted, console)
    console.failures(scored.failures)
    found = compare_results(scored.results, align, labels, scored.ids)
    if json:
        print_comparisons(found, scored.failures)
    else:
        show_comparisons(found, console)
    if report is not None:
        from pipeline.reports import write_report

        command = shlex.join(["aqa-pipeline", *sys.argv[1:]])
        said = write_report(
            report,
            found.results,
            scored.failures,
            command,
            stream=stream,
            embed=embed_video,
            compared=found,
        )
        for line in said:
            console.note(line)
        console.note(f"report: {report}")
    return 1 if scored.failures else 0
