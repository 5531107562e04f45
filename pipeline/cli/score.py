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
from pipeline.workspace import Console


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
    if report is not None:
        require_writable(report.parent)
    scorer.prepare(found, part)
    results, failed = score_all(scorer, found, part)
    failures += failed
    if json:
        print_json(results, failures)
    else:
        for result in results:
            show_result(result, console)
    console.failures(failures)
    if report is not None:
        from pipeline.reports import write_report

        write_report(report, results, failures, shlex.join(["aqa-pipeline", *sys.argv[1:]]))
        console.note(f"report: {report}")
    return 1 if failures else 0
