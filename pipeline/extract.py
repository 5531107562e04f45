"""``aqa-pipeline extract``: footage to feature files, one npy per video, through Ray Data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aqa.features import FeatureFolder, FeatureOrigin
from extractors import build_backbone, check_reader, get_protocol
from pipeline.console import Console, counted
from pipeline.errors import Failure, UsageError
from pipeline.graph import run_graph
from pipeline.inputs import Video, source_stamp
from pipeline.ray_session import RayOptions
from pipeline.stages import Assembly, ExtractionSpec, Finished

# What each data set's published features were made with .
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


def extract(
    videos: Sequence[Video],
    spec: ExtractionSpec,
    output: Path,
    console: Console,
    *,
    ray_options: RayOptions | None = None,
    overwrite: bool = False,
) -> Outcome:
    """Extract what is not there yet; each file appears when its video is complete.

    Raises UsageError where the folder holds features of another origin and not ``overwrite``.
    """
    folder = FeatureFolder(output)
    origin = feature_origin(spec)
    refuse_other_origin(folder, origin, overwrite)
    todo, skipped, failures = _divide(videos, folder, origin, overwrite)
    if skipped:
        console.note(
            f"{len(skipped)} of {len(videos)} already complete in {output}: not recomputed"
        )
    written: list[str] = []
    if todo:
        folder.write_origin(origin, library_versions() | {"device": spec.device})
        for video in _run(todo, spec, ray_options or RayOptions(), console):
            if video.error:
                failures.append(Failure(video.id, video.error))
            else:
                folder.save(video.id, video.features, origin, video.record)
                written.append(video.id)
    return Outcome(tuple(written), tuple(skipped), tuple(failures))


def feature_origin(spec: ExtractionSpec) -> FeatureOrigin:
    """What binds features to a checkpoint, read off the backbone itself."""
    identity = build_backbone(spec.architecture, spec.weights).identity
    return FeatureOrigin(
        backbone=identity.backbone,
        weights=identity.weights,
        weights_digest=identity.weights_digest,
        protocol=spec.protocol,
    )


def refuse_other_origin(folder: FeatureFolder, origin: FeatureOrigin, overwrite: bool) -> None:
    """A folder holds features of one origin; one without provenance is never written into."""
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
            f"{folder.folder} holds features of another origin: {'; '.join(differences)}; "
            "choose another --output, or --overwrite to replace them"
        )


def _divide(
    videos: Sequence[Video], folder: FeatureFolder, origin: FeatureOrigin, overwrite: bool
) -> tuple[list[Video], list[str], list[Failure]]:
    """Videos to do, ids that are complete, and those whose file is of something else."""
    if overwrite:
        return list(videos), [], []
    todo: list[Video] = []
    skipped: list[str] = []
    failures: list[Failure] = []
    for video in videos:
        if not folder.path(video.id).exists():
            todo.append(video)
            continue
        reason = folder.reason_to_redo(video.id, origin, source_stamp(video.path))
        if reason is None:
            skipped.append(video.id)
        else:
            failures.append(Failure(video.id, f"{reason}; --overwrite computes it again"))
    return todo, skipped, failures


def _run(
    videos: Sequence[Video], spec: ExtractionSpec, options: RayOptions, console: Console
) -> Iterator[Finished]:
    """Yields each video as Finished, in the order in which they end."""
    assembly, clips = Assembly(), 0
    console.note(f"starting Ray ({options.place}) ...")
    with (
        console.progress("extract", len(videos), "video") as progress,
        closing(run_graph(videos, spec, options)) as rows,
    ):
        for row in rows:
            clips += int(row["valid"])
            finished = assembly.add(row)
            if finished is None:
                progress.update(counted(clips, "clip"))
                continue
            progress.advance(counted(clips, "clip"))
            yield finished


def make_spec(
    *,
    architecture: str | dict[str, Any] | None,
    weights: str | None,
    protocol: str | None,
    device: str,
    reader: str = "auto",
) -> ExtractionSpec:
    """A spec with defaults filled in; an unknown protocol or reader is an ExtractorError."""
    check_reader(reader)
    if weights and Path(weights).is_file():
        weights = str(Path(weights).absolute())  # read by workers elsewhere
    return ExtractionSpec(
        architecture=architecture or DEFAULT_BACKBONE,
        weights=weights or DEFAULT_WEIGHTS,
        protocol=get_protocol(protocol or "contiguous32").identity,
        device=device,
        reader=reader,
    )


def library_versions() -> dict[str, str]:
    """Versions of the libraries that can change a feature's last digits."""
    return {name: version(name) for name in VERSIONED}


def choose_device(name: str) -> str:
    """``auto`` is cuda where there is one; asking for cuda where there is none is an error."""
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("--device cuda, but torch sees no GPU: use --device cpu")
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {name}: expected auto, cpu or cuda")
    return "cuda" if available and name != "cpu" else "cpu"
