"""``aqa-pipeline extract``: footage to feature files, one npy per video, through Ray Data."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from aqa import AqaError
from aqa.data.features import FeatureFolder, FeatureOrigin
from aqa.storage.places import Place
from extractors import build_backbone, check_reader, get_protocol
from extractors.backbones.weights import require_known
from pipeline.cluster.session import RayOptions, cluster_gpus
from pipeline.errors import Failure, UsageError
from pipeline.extraction.folder.claims import claim
from pipeline.extraction.folder.failures import FailureLog
from pipeline.extraction.runs.meter import Meter
from pipeline.extraction.runs.supervise import finished_videos
from pipeline.extraction.stages.spec import ExtractionSpec, Finished, Precision
from pipeline.footage.stamps import content_digest, source_stamp
from pipeline.footage.videos import Video
from pipeline.workspace.console import Console, counted
from pipeline.workspace.run_folder import now

# What each data set's published features were made with.
DATASET_PROTOCOLS = {"logo": "uniform48x16", "fisv": "contiguous32", "rg": "contiguous32"}
DEFAULT_BACKBONE = "swin3d_b"
DEFAULT_WEIGHTS = "kinetics600-22k"
VERSIONED = ("torch", "torchvision", "timm", "numpy", "av", "pillow", "opencv-python-headless")


@dataclass(frozen=True)
class Outcome:
    """What an extraction did: ids newly written, ids that were complete, and failures."""

    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failures: tuple[Failure, ...]
    summary: str = ""  # how fast, and what was the limit


@dataclass(frozen=True)
class Division:
    """Videos to do, ids that are complete, and those whose file is of something else; ``moved`` has
    a new record for complete ones whose source was moved or touched."""

    todo: list[Video]
    complete: list[str]
    failures: list[Failure]
    moved: dict[str, dict[str, Any]] = field(default_factory=dict)


def extract(
    videos: Sequence[Video],
    spec: ExtractionSpec,
    output: Place,
    console: Console,
    *,
    ray_options: RayOptions | None = None,
    overwrite: bool = False,
    missing: Sequence[Failure] = (),
) -> Outcome:
    """Extract what is not there yet; each file appears when its video is complete.

    ``missing`` are inputs that were not found: they are part of the outcome and of its
    ``failures.jsonl``. Raises UsageError where the folder holds features of another origin and not
    ``overwrite``, or is being written by another extraction.
    """
    folder = FeatureFolder(output)
    origin = feature_origin(spec)
    with claim(output, console.note):
        folder.sweep()
        refuse_other_origin(folder, origin, overwrite, [video.id for video in videos])
        pass_name = _overwriting(folder, origin, console) if overwrite else None
        division = divide(videos, folder, origin, pass_name)
        _note_moved(folder, division, console)
        failures, written = [*missing, *division.failures], []
        if division.complete:
            console.note(
                f"{len(division.complete)} of {len(videos)} already complete in {output}: "
                "not recomputed"
            )
        tried_now = [video.id for video in videos] + [str(video.path) for video in videos]
        log = FailureLog(folder, tried_now + [failure.name for failure in missing])
        for failure in failures:
            log.add(failure)
        if not division.todo:
            return Outcome((), tuple(division.complete), tuple(failures))
        versions = library_versions() | {"device": spec.device, "precision": spec.precision}
        if pass_name and folder.origin() != origin:
            for video in videos:  # or those not replaced yet would pass as of the new origin
                folder.remove(video.id)
        folder.write_origin(origin, versions, pass_name)
        extra = {"versions": versions} | ({"overwriting": pass_name} if pass_name else {})
        places = {video.id: video for video in division.todo}
        salvaged: list[tuple[str, float]] = []
        meter = Meter(len(division.todo), len(division.complete))
        options = ray_options or RayOptions()
        console.note(f"starting Ray ({options.place}) ...")
        with (
            console.live(meter.line, meter.picture) as show,
            closing(
                finished_videos(division.todo, spec, options, console, meter, show)
            ) as finished_ones,
        ):
            for video in finished_ones:
                place = str(places[video.id].path)
                problem = video.error or _save(folder, video, origin, extra)
                if problem:
                    failure = Failure(video.id, _naming(place, problem), place, video.tried)
                    failures.append(failure)
                    log.add(failure)
                else:
                    written.append(video.id)
                    if "salvaged" in video.record:
                        salvaged.append((place, video.record["salvaged"]["good_s"]))
                meter.ended(video.id, failed=bool(problem))
                show()
        if pass_name:
            folder.write_origin(origin, versions)
    for place, good_s in salvaged:
        console.warn(f"{place}: damaged, only its first {good_s:.2f} s were taken")
    return Outcome(tuple(written), tuple(division.complete), tuple(failures), meter.summary())


def _note_moved(folder: FeatureFolder, division: Division, console: Console) -> None:
    for video_id, record in division.moved.items():
        folder.note(video_id, record)
    if moved := len(division.moved):
        were, their = ("was", "its") if moved == 1 else ("were", "their")
        console.note(
            f"{counted(moved, 'video')} {were} moved or touched, not changed: {their} features "
            "are kept"
        )


def _overwriting(folder: FeatureFolder, origin: FeatureOrigin, console: Console) -> str:
    """The name of this overwriting extraction: a new one, or that of one that was broken off."""
    earlier = folder.overwriting()
    if earlier and folder.origin() == origin:
        console.note(f"going on with the overwriting extraction of {earlier[:19]}")
        return earlier
    return f"{now()} {uuid.uuid4().hex}"


def _save(
    folder: FeatureFolder, video: Finished, origin: FeatureOrigin, extra: dict[str, Any]
) -> str:
    """Why the features could not be kept; empty when they are."""
    try:
        folder.save(video.id, video.features, origin, video.record | extra)
    except AqaError as error:  # not a number: the next video may be better
        return str(error)
    return ""


def _naming(place: str, problem: str) -> str:
    return problem if place in problem else f"{place}: {problem}"


def feature_origin(spec: ExtractionSpec) -> FeatureOrigin:
    """What binds features to a checkpoint, read off the backbone itself."""
    identity = build_backbone(spec.architecture, spec.weights).identity
    return FeatureOrigin(
        backbone=identity.backbone,
        weights=identity.weights,
        weights_digest=identity.weights_digest,
        protocol=spec.protocol,
    )


def refuse_other_origin(
    folder: FeatureFolder, origin: FeatureOrigin, overwrite: bool, videos: Sequence[str]
) -> None:
    """A folder holds features of one origin; one without provenance is never written into. Only
    where all that is there is of these ``videos`` may it be replaced by that of another."""
    present = folder.origin()
    if present is None:
        if folder.ids():
            raise UsageError(
                f"{folder.folder} holds feature files without provenance (published ones?): "
                "choose another --output, they are not touched"
            )
        return
    differences = present.differences(origin)
    if differences and not overwrite:
        raise UsageError(
            f"{folder.folder} holds features of another origin (there / asked for): "
            f"{'; '.join(differences)}; "
            "choose another --output, or --overwrite to replace them"
        )
    others = len(set(folder.ids()) - set(videos)) if differences else 0
    if others:
        raise UsageError(
            f"{folder.folder} holds features of {counted(others, 'other video')}, of another "
            f"origin (there / asked for): {'; '.join(differences)}; --overwrite would mix them: "
            "choose another --output"
        )


def divide(
    videos: Sequence[Video],
    folder: FeatureFolder,
    origin: FeatureOrigin,
    overwriting: str | None = None,
) -> Division:
    """What of ``videos`` is to do. A file of something else is only replaced by an extraction that
    is ``overwriting``, which does again all that it has not written itself."""
    division = Division([], [], [])
    present = set(folder.ids())
    for video in videos:
        if video.id not in present:
            division.todo.append(video)
            continue
        try:
            source = source_stamp(video.path)
            digest = cache(partial(content_digest, video.path))
            reason = folder.reason_to_redo(
                video.id, origin, source, digest=digest, frame_rate=video.frame_rate
            )
            if overwriting and (folder.record(video.id) or {}).get("overwriting") != overwriting:
                reason = reason or "to be overwritten"
            moved = None if reason else folder.moved(video.id, source, digest)
        except (OSError, AqaError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            failure = Failure(video.id, _naming(str(video.path), reason), str(video.path))
            division.failures.append(failure)
            continue
        if reason is None:
            division.complete.append(video.id)
            if moved:
                division.moved[video.id] = moved
        elif overwriting:
            division.todo.append(video)
        else:
            reason = f"{video.path}: {reason}; --overwrite computes it again"
            division.failures.append(Failure(video.id, reason, str(video.path)))
    return division


def planned_origin(spec: ExtractionSpec) -> FeatureOrigin:
    """``feature_origin`` without fetching anything: published weights by name, without digest."""
    if spec.weights == "random" or Path(spec.weights).is_file():
        return feature_origin(spec)
    name = build_backbone(spec.architecture, "random").identity.backbone
    if not name.startswith("timm:"):
        require_known(name, spec.weights)
    return FeatureOrigin(name, spec.weights, None, spec.protocol)


def make_spec(
    *,
    architecture: str | dict[str, Any] | None,
    weights: str | None,
    protocol: str | None,
    device: str,
    precision: str | None = None,
    **settings: Any,
) -> ExtractionSpec:
    """A spec with defaults filled in, by default bf16 on a GPU; ``settings`` are its other fields.

    An unknown protocol or reader is an ExtractorError, an unknown precision a UsageError.
    """
    reader = settings.get("reader", "auto")
    check_reader(reader)
    if precision not in (None, *get_args(Precision)):
        raise UsageError(f"--precision {precision}: expected {' or '.join(get_args(Precision))}")
    if weights and Path(weights).is_file():
        weights = str(Path(weights).absolute())  # read by workers elsewhere
    return ExtractionSpec(
        architecture=architecture or DEFAULT_BACKBONE,
        weights=weights or DEFAULT_WEIGHTS,
        protocol=get_protocol(protocol or "contiguous32").identity,
        device=device,
        precision=precision or ("bf16" if device == "cuda" else "float32"),
        **settings,
    )


def library_versions() -> dict[str, str]:
    """Versions of the libraries that can change a feature's last digits."""
    return {name: version(name) for name in VERSIONED}


def choose_cluster_device(name: str, options: RayOptions) -> str:
    """As ``choose_device``, but of the cluster that is joined: this machine need not have a GPU."""
    if name == "cpu":
        return "cpu"
    gpus = cluster_gpus(options)
    if name == "cuda" and not gpus:
        raise UsageError(f"--device cuda, but {options.address} has no GPU: use --device cpu")
    if name not in ("auto", "cuda"):
        raise UsageError(f"--device {name}: expected auto, cpu or cuda")
    return "cuda" if gpus else "cpu"


def choose_device(name: str) -> str:
    """``auto`` is cuda where there is one; asking for cuda where there is none is an error."""
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("--device cuda, but torch sees no GPU: use --device cpu")
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {name}: expected auto, cpu or cuda")
    return "cuda" if available and name != "cpu" else "cpu"
