"""Where the features of a folder come from, and what may be written beside them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from aqa.data import FeatureFolder, FeatureOrigin
from extractors.backbones import canonical_name, engine_version, require_known
from pipeline.errors import UsageError
from pipeline.extraction.stages import ExtractionSpec
from pipeline.workspace import counted

VERSIONED = ("torch", "torchvision", "timm", "numpy", "av", "pillow", "opencv-python-headless")


def made_by(spec: ExtractionSpec) -> dict[str, str]:
    """What can change a feature's last digits: the engine, the device, versions of libraries."""
    libraries = {name: version(name) for name in VERSIONED}
    engine = engine_version(spec.engine)
    return libraries | {"device": spec.device, "precision": spec.precision, "engine": engine}


def feature_origin(spec: ExtractionSpec) -> FeatureOrigin:
    """What binds features to a checkpoint, read off the backbone itself."""
    from extractors import build_backbone  # it needs torch

    identity = build_backbone(spec.architecture, spec.weights).identity
    return FeatureOrigin(
        backbone=identity.backbone,
        weights=identity.weights,
        weights_digest=identity.weights_digest,
        protocol=spec.protocol,
    )


def expected_origin(spec: ExtractionSpec) -> FeatureOrigin:
    """``feature_origin`` without fetching anything: published weights by name, without digest."""
    if spec.weights == "random" or Path(spec.weights).is_file():
        return feature_origin(spec)
    name = canonical_name(spec.architecture)
    require_known(name, spec.weights)
    return FeatureOrigin(name, spec.weights, None, spec.protocol)


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
