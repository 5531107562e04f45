"""``aqa-pipeline score``: its options, and what they come to."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

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
    require_page,
    score_inputs,
)
from pipeline.errors import UsageError
from pipeline.workspace import Console

PLOTS = (".png", ".svg", ".pdf")


def score(
    inputs: Inputs,
    checkpoint: Checkpoints = None,
    backbone: Backbone = None,
    weights: Weights = None,
    start: Annotated[
        float | None, typer.Option(help="Assess from this second of the video on.")
    ] = None,
    end: Annotated[float | None, typer.Option(help="Assess up to this second.")] = None,
    stream: Stream = None,
    frame_rate: FrameRate = FRAME_RATE,
    json: Json = False,
    report: Report = None,
    embed_video: EmbedVideo = False,
    csv: Annotated[
        Path | None, typer.Option(help="Also write a table of all clips (CSV) here.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Also write a plot here, .png, .svg or .pdf; one for each result."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="The judges' scores, to stand beside: a CSV with id and score, or a column for "
            "each score."
        ),
    ] = None,
    device: Device = None,
    engine: Engine = None,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """A video to a score, and where in it the points were won and lost.

    The backbone, weights and protocol are those that the checkpoint was trained
    on. Features of a video are kept, so that scoring it again is quick.

    Examples:

      aqa-pipeline score video.mp4

      aqa-pipeline score videos/ --checkpoint model.pt --report report.html

      aqa-pipeline score video.mp4 --checkpoint fisv-tes --checkpoint fisv-pcs
    """
    from pipeline.reports import print_json, show_result
    from pipeline.scoring import Part

    console = Console(quiet, json)
    require_page(embed_video, report)
    if plot is not None and plot.suffix.lower() not in PLOTS:
        raise UsageError(f"--plot {plot}: expected a file that ends in {', '.join(PLOTS)}")
    outputs = (report, csv, plot)
    wanted = Wanted(checkpoint, backbone, weights, device, engine, frame_rate, labels, outputs)
    scored = score_inputs(inputs, [Part(start, end, stream)], wanted, console)
    results, failures = scored.results, scored.failures
    if json:
        print_json(results, failures)
    else:
        for result in results:
            show_result(result, console)
    console.failures(failures)
    if report is not None:
        from pipeline.reports import write_report

        command = shlex.join(["aqa-pipeline", *sys.argv[1:]])
        for line in write_report(
            report, results, failures, command, stream=stream, embed=embed_video
        ):
            console.note(line)
        console.note(f"report: {report}")
    if csv is not None:
        from pipeline.reports import write_clips

        write_clips(csv, results)
        console.note(f"clips: {csv}")
    if plot is not None:
        from pipeline.reports import save_routines

        console.note(f"plots: {', '.join(map(str, save_routines(results, plot)))}")
    return 1 if failures else 0
