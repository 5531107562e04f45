"""What the commands that score videos share: options, and the way from inputs to results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import chosen_device
from pipeline.errors import Failure, UsageError
from pipeline.workspace import Console

if TYPE_CHECKING:
    from pipeline.scoring import Part, Result

Inputs = Annotated[
    list[Path],
    typer.Argument(metavar="VIDEO...", help="Videos, folders, or feature .npy files."),
]
Checkpoints = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint",
        help="A trained checkpoint, or a shipped model's name (see `models`); several of one "
        "score are an ensemble, of several scores one pass. Default: the one trained last here.",
    ),
]
Report = Annotated[Path | None, typer.Option(help="Also write a self-contained HTML page here.")]
EmbedVideo = Annotated[
    bool, typer.Option("--embed-video", help="Put a small copy of each video into the page.")
]


@dataclass(frozen=True)
class Wanted:
    """The options of a command that scores, as they were given."""

    checkpoint: list[Path] | None
    backbone: str | None
    weights: str | None
    device: str | None
    engine: str | None
    frame_rate: float
    labels: Path | None
    outputs: tuple[Path | None, ...]


@dataclass(frozen=True)
class Scored:
    """``ids``: under which a table of labels may name each video."""

    results: list[Result]
    failures: list[Failure]
    ids: dict[str, str]
    names: list[str]  # of the scores


def require_page(embed_video: bool, report: Path | None) -> None:
    if embed_video and report is None:
        raise UsageError("--embed-video: the page is asked for with --report FILE")


def parts_of(
    starts: Sequence[float] | None, ends: Sequence[float] | None, stream: int | None
) -> list[Part]:
    """From options that may be given once for all, or once for each."""
    from pipeline.scoring import Part

    columns = [list(given or [None]) for given in (starts, ends)]
    most = max(map(len, columns))
    if any(len(column) not in (1, most) for column in columns):
        raise UsageError("--start and --end: give each once, or once for each video")
    rows = zip(*(column * (most // len(column)) for column in columns), strict=True)
    return [Part(begins, stops, stream) for begins, stops in rows]


def score_inputs(
    inputs: Sequence[Path], parts: Sequence[Part], wanted: Wanted, console: Console
) -> Scored:
    """Every input scored or named; what cannot go well is refused before any work. ``parts``: one
    of all, or one of each."""
    from extractors.readers import VIDEO_SUFFIXES
    from pipeline.footage import collect, without_other_kinds
    from pipeline.scoring import (
        FEATURE_SUFFIX,
        Extraction,
        Judges,
        Scorer,
        has_scores,
        pick_checkpoints,
        score_all,
    )
    from pipeline.workspace import RunFolder, counted, load_settings, require_writable

    settings = load_settings()
    found, failures, notes = collect(inputs, VIDEO_SUFFIXES | {FEATURE_SUFFIX}, wanted.frame_rate)
    for note in notes:
        console.note(note)
    found, refused = without_other_kinds(found)
    extraction = Extraction(
        device=chosen_device(wanted.device, settings),
        cache=settings.features / "scored",
        backbone=wanted.backbone,  # of aqa.yaml they are for extract: here the checkpoint says
        weights=wanted.weights,
        engine=wanted.engine or settings.engine,
    )
    picked = pick_checkpoints(wanted.checkpoint, RunFolder(settings.runs), console)
    scorer = Scorer(picked, extraction, console)
    names, labels = scorer.score_names, wanted.labels
    judges = Judges(labels, names) if labels and has_scores(labels, names) else None
    for path in wanted.outputs:
        if path is not None:
            require_writable(path.parent)
    parts = list(parts) * len(found) if len(parts) == 1 else list(parts)
    if len(parts) != len(found):
        raise UsageError(
            f"--start and --end: given for {counted(len(parts), 'video')}, found were {len(found)}"
        )
    scorer.prepare(found, parts)
    results, failed = score_all(scorer, found, parts)
    ids = {str(item.path): item.id for item in found}
    if judges is not None:
        results = judges.beside(results, ids, console)
    return Scored(results, [*failures, *refused, *failed], ids, names)
