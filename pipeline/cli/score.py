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
    chosen_device,
)
from pipeline.errors import UsageError
from pipeline.workspace import Console

PLOTS = (".png", ".svg", ".pdf")


def score(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="VIDEO...", help="Videos, folders, or feature .npy files."),
    ],
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            help="A trained checkpoint, or a shipped model's name (see `models`); several of one "
            "score are an ensemble, of several scores one pass. Default: the one trained last here."
        ),
    ] = None,
    backbone: Backbone = None,
    weights: Weights = None,
    start: Annotated[
        float | None, typer.Option(help="Assess from this second of the video on.")
    ] = None,
    end: Annotated[float | None, typer.Option(help="Assess up to this second.")] = None,
    stream: Stream = None,
    frame_rate: FrameRate = FRAME_RATE,
    json: Json = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write a self-contained HTML page here.")
    ] = None,
    embed_video: Annotated[
        bool,
        typer.Option("--embed-video", help="Put a small copy of each video into the page."),
    ] = False,
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
    from extractors.readers import VIDEO_SUFFIXES
    from pipeline.footage import collect, without_other_kinds
    from pipeline.reports import print_json, show_result
    from pipeline.scoring import (
        FEATURE_SUFFIX,
        Extraction,
        Judges,
        Part,
        Scorer,
        pick_checkpoints,
        score_all,
    )
    from pipeline.workspace import RunFolder, load_settings, require_writable

    settings, console, part = load_settings(), Console(quiet, json), Part(start, end, stream)
    found, failures, notes = collect(inputs, VIDEO_SUFFIXES | {FEATURE_SUFFIX}, frame_rate)
    for note in notes:
        console.note(note)
    found, refused = without_other_kinds(found)
    failures += refused
    extraction = Extraction(
        device=chosen_device(device, settings),
        cache=settings.features / "scored",
        backbone=backbone,  # of aqa.yaml they are for extract: here the checkpoint says
        weights=weights,
        engine=engine or settings.engine,
    )
    picked = pick_checkpoints(checkpoint, RunFolder(settings.runs), console)
    scorer = Scorer(picked, extraction, console)
    judges = None if labels is None else Judges(labels, scorer.score_names)
    for path in (report, csv, plot):
        if path is not None:
            require_writable(path.parent)
    if embed_video and report is None:
        raise UsageError("--embed-video: the page is asked for with --report FILE")
    if plot is not None and plot.suffix.lower() not in PLOTS:
        raise UsageError(f"--plot {plot}: expected a file that ends in {', '.join(PLOTS)}")
    scorer.prepare(found, part)
    results, failed = score_all(scorer, found, part)
    failures += failed
    if judges is not None:
        results = judges.beside(results, {str(item.path): item.id for item in found}, console)
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
