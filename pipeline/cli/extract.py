"""``aqa-pipeline extract``: its options, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extractors.readers import FRAME_RATE, STALL_LIMIT_S
from pipeline.cli.options import (
    NO_RAY,
    Backbone,
    DataRoot,
    Device,
    Engine,
    FrameRate,
    Quiet,
    RayAddress,
    Stream,
    Version,
    Weights,
    chosen_device,
)
from pipeline.errors import Failure, UsageError
from pipeline.workspace import Console, counted

if TYPE_CHECKING:
    from aqa.storage import Place
    from pipeline.cluster import RayOptions
    from pipeline.extraction import ExtractionSpec, Outcome, Runner
    from pipeline.footage import Video
    from pipeline.workspace import Settings


def extract(
    dataset: Annotated[
        str | None,
        typer.Option(help="A data set's raw footage: logo, fisv, rg, or one that is registered."),
    ] = None,
    data_root: DataRoot = None,
    videos: Annotated[
        list[str] | None,
        typer.Option(
            help="Your own footage: a file, a folder, or a list (.txt, .lst, .csv) of them, here "
            "or at s3://...; may be given several times."
        ),
    ] = None,
    more_videos: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]...", help="More paths after --videos.")
    ] = None,
    frame_rate: FrameRate = FRAME_RATE,
    output: Annotated[
        str | None,
        typer.Option(help="Feature folder, here or at s3://... Default: features/DATASET."),
    ] = None,
    backbone: Backbone = None,
    weights: Weights = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="contiguous32, uniform48x16 or mini16x112; also contiguous32(fps=native). "
            "Default: that of the data set; contiguous32 for --videos."
        ),
    ] = None,
    reader: Annotated[
        str,
        typer.Option(
            help="auto, pyav or decord. auto: pyav, which is at least as quick everywhere."
        ),
    ] = "auto",
    salvage: Annotated[
        bool,
        typer.Option(
            "--salvage",
            help="Of a damaged video keep what lies outside of the damage; it is no failure then.",
        ),
    ] = False,
    salvage_first: Annotated[
        bool,
        typer.Option(
            "--salvage-first", help="Of a damaged video keep only what comes before the damage."
        ),
    ] = False,
    stream: Stream = None,
    stall_limit: Annotated[
        float, typer.Option(min=1, help="Seconds after which a video that gives nothing is left.")
    ] = STALL_LIMIT_S,
    device: Device = None,
    precision: Annotated[
        str | None, typer.Option(help="float32 or bf16. Default: bf16 on a GPU, else float32.")
    ] = None,
    engine: Engine = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Backbone workers. Default: one per GPU, or per core.")
    ] = None,
    gpus_per_worker: Annotated[
        float | None,
        typer.Option(min=0.01, help="GPUs of one worker; 0.5: two share one. Default: 1."),
    ] = None,
    decoders: Annotated[
        int | None, typer.Option(min=1, help="Videos read at once. Default: one per core.")
    ] = None,
    ray_address: RayAddress = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Compute again what is there already.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compute nothing: say what would be done.")
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(help="With --dry-run: a CSV with id,score, to compare own videos with."),
    ] = None,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """Footage to features: one .npy of clip features per video.

    Decoding and the backbone run on Ray, on this machine or a cluster; one video
    is done without it. A video whose features are complete is not computed again,
    so the same command goes on after an interruption. What cannot be read is
    named at the end and in the folder's failures.jsonl; everything else is done.

    Examples:

      aqa-pipeline extract --dataset logo --data-root /data

      aqa-pipeline extract --videos my_videos/ --backbone swin3d_t --weights random

      aqa-pipeline extract --videos list.csv --output s3://bucket/features

      aqa-pipeline extract --dataset rg --dry-run
    """
    from aqa.data import FeatureFolder
    from aqa.storage import as_place
    from pipeline.extraction import make_spec
    from pipeline.footage import collect, footage_dataset, raw_dataset, told_apart
    from pipeline.workspace import data_root as find_data_root
    from pipeline.workspace import load_settings

    settings, console = load_settings(), Console(quiet)
    paths = [*(videos or []), *(more_videos or [])]
    if (dataset is None) == (not paths):
        raise UsageError("give either --dataset NAME or --videos PATH ...")
    usual_protocol = footage_dataset(dataset).protocol if dataset is not None else None
    if dataset is not None and frame_rate != FRAME_RATE:
        raise UsageError("--frame-rate goes with --videos: a published data set has its own")
    if labels is not None and not (dry_run and paths):
        raise UsageError("--labels goes with --dry-run and --videos")
    root = find_data_root(data_root, settings) if dataset else None
    if dataset:
        found, failures, notes = raw_dataset(dataset, root, settings.raw.get(dataset)), [], []
    else:
        found, failures, notes = collect(paths, frame_rate=frame_rate)
    options = _ray_options(settings, ray_address, workers, decoders, gpus_per_worker)
    spec = make_spec(
        architecture=backbone or settings.backbone,
        weights=weights or settings.weights,
        protocol=protocol or settings.protocol or usual_protocol,
        device="cpu" if dry_run else chosen_device(device, settings, options),
        precision=precision or settings.precision,
        engine=engine or settings.engine,
        reader=reader,
        salvage="first" if salvage_first else "all" if salvage else "none",
        stream=stream,
        stored_aspect=dataset is not None,
        stall_limit_s=stall_limit,
    )
    folder = as_place(output) if output else settings.features / (dataset or "videos")
    told = told_apart(found, FeatureFolder(folder))
    found, failures = told.videos, [*failures, *told.failures]
    for note in [*notes, *told.notes]:
        console.note(note)
    asked = _Asked(found, failures, spec, folder, overwrite, dataset, root, labels)
    if dry_run:
        return _dry_run(asked, console)
    if not found:
        console.failures(failures)
        return 1
    outcome = _run(asked, _runner(ray_address, options), console)
    _remember(asked, outcome, settings)
    console.failures(outcome.failures, outcome.log)
    if outcome.summary:
        console.note(outcome.summary)
    console.result(
        f"{len(outcome.written)} extracted, {len(outcome.skipped)} complete before, "
        f"{len(outcome.failures)} failed: {folder}"
    )
    return 1 if outcome.failures else 0


@dataclass(frozen=True)
class _Asked:
    """What the options come to; ``missing`` are inputs that were not found."""

    videos: list[Video]
    missing: list[Failure]
    spec: ExtractionSpec
    folder: Place
    overwrite: bool
    dataset: str | None
    data_root: Path | None
    labels: Path | None


def _ray_options(
    settings: Settings,
    address: str | None,
    workers: int | None,
    decoders: int | None,
    gpus_per_worker: float | None,
) -> RayOptions:
    from pipeline.cluster import RayOptions

    share = gpus_per_worker or settings.gpus_per_worker
    if share > 1 and share != int(share):
        raise UsageError(f"--gpus-per-worker {share:g}: a part of one GPU, or a whole number")
    return RayOptions(
        address=None if address == NO_RAY else address,
        workers=workers or settings.workers,
        decoders=decoders or settings.decoders,
        gpus_per_worker=share,
        object_store_bytes=int(settings.object_store_gib * 2**30),
        standstill_s=settings.standstill_s,
    )


def _runner(address: str | None, options: RayOptions) -> Runner:
    from pipeline.extraction import Automatic, InProcess, OnRay

    if address == NO_RAY:
        return InProcess(options.workers, options.decoders)
    return Automatic(options) if address is None else OnRay(options)


def _dry_run(asked: _Asked, console: Console) -> int:
    from aqa import AqaError
    from aqa.data import FeatureFolder
    from pipeline.extraction import (
        divide,
        expected_origin,
        label_gaps,
        look_at,
        refuse_other_origin,
        show_division,
    )

    origin, features = expected_origin(asked.spec), FeatureFolder(asked.folder)
    refuse_other_origin(features, origin, asked.overwrite, [video.id for video in asked.videos])
    division = divide(asked.videos, features, origin, asked.overwrite)
    division.failures.extend(asked.missing)
    for note in division.notes:
        console.note(note)
    ids = {video.id for video in asked.videos}
    try:
        gaps = label_gaps(ids, asked.dataset, asked.data_root, asked.folder, asked.labels)
    except AqaError as error:
        if asked.labels is not None:
            raise
        console.note(f"labels: {error}")
        gaps = None
    looks = look_at(division, asked.spec, console)
    show_division(division, looks, gaps, console)
    return 1 if division.failures else 0


def _run(asked: _Asked, runner: Runner, console: Console) -> Outcome:
    from pipeline.extraction import extract as run
    from pipeline.workspace import require_writable

    spec, folder = asked.spec, asked.folder
    if isinstance(folder, Path):
        require_writable(folder)
    name = spec.architecture if isinstance(spec.architecture, str) else "own swin3d"
    console.note(
        f"{counted(len(asked.videos), 'video')} to {folder}: {name}, weights {spec.weights}, "
        f"protocol {spec.protocol}, {spec.precision} on {spec.device}"
    )
    return run(
        asked.videos,
        spec,
        folder,
        console,
        runner=runner,
        overwrite=asked.overwrite,
        missing=asked.missing,
    )


def _remember(asked: _Asked, outcome: Outcome, settings: Settings) -> None:
    """What ``train`` takes when it is not told anything else."""
    from pipeline.workspace import LastExtraction, RunFolder, now

    if outcome.written or outcome.skipped:
        folder, root = asked.folder, asked.data_root
        kept = str(folder.resolve()) if isinstance(folder, Path) else folder.address_to_keep
        RunFolder(settings.runs).remember(
            LastExtraction(asked.dataset, kept, str(root.resolve()) if root else None, now())
        )
