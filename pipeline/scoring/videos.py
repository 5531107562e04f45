"""Clip features of videos as a checkpoint needs them, made in this process and kept."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aqa.data import FeatureFolder, FeatureOrigin, read_features
from extractors import ExtractorError
from pipeline.cluster import usable_cpus
from pipeline.errors import UsageError
from pipeline.extraction import (
    ExtractionSpec,
    FeatureExtractor,
    InProcess,
    Meter,
    Watch,
    feature_origin,
    made_by,
    make_spec,
    settled,
)
from pipeline.footage import Video, content_digest, source_stamp
from pipeline.scoring.features import ClipFeatures, Part
from pipeline.workspace import Console


def spec_like(
    trained: FeatureOrigin | None,
    checkpoint: Path,
    *,
    backbone: str | None,
    weights: str | None,
    device: str,
    engine: str | None = None,
) -> ExtractionSpec:
    """The extraction that a checkpoint was trained on; given options win over what it says."""
    if trained is None:
        raise UsageError(
            f"{checkpoint} does not know which features it was trained on: "
            "extract them and score the .npy files"
        )
    weights = weights or trained.weights
    if weights.startswith("file:"):
        raise UsageError(
            f"{checkpoint} was trained on features of weights {weights}: "
            "give that file with --weights PATH"
        )
    return make_spec(
        architecture=backbone or trained.backbone,
        weights=weights,
        protocol=trained.protocol,
        device=device,
        engine=engine,
    )


class KeptFeatures:
    """Features of videos by one spec; those of a video that was seen before are not made again."""

    def __init__(self, spec: ExtractionSpec, cache: Path, console: Console) -> None:
        self.origin = feature_origin(spec)
        self._spec, self._cache, self._console = spec, cache, console

    def of(self, item: Video, part: Part) -> ClipFeatures:
        """Those of a video or frame folder."""
        path = item.path
        folder = FeatureFolder(self._cache / _fingerprint(self.origin, part, self._spec.engine))
        # Two files of one name are two videos: the cache knows each by where it lies.
        place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
        video = replace(item, id=f"{path.resolve().stem}-{place}")
        reason = folder.reason_to_redo(
            video.id,
            self.origin,
            source_stamp(path),
            digest=lambda: content_digest(path),
            frame_rate=video.frame_rate,
        )
        if reason is None:
            self._console.note(f"{path}: features taken from {folder.folder}")
            kept = read_features(folder.path(video.id))
            return ClipFeatures(kept, self.origin, folder.record(video.id))
        features, record = self._extract(video, part)
        versions = made_by(self._settled)
        folder.write_origin(self.origin, versions)
        folder.save(video.id, features, self.origin, record | {"versions": versions})
        return ClipFeatures(features, self.origin, record)

    @cached_property
    def _settled(self) -> ExtractionSpec:
        return settled(self._spec, self._console.note, self.origin.weights_digest)

    @cached_property
    def _extractor(self) -> FeatureExtractor:
        return FeatureExtractor(self._settled, workers=usable_cpus())

    def _extract(self, video: Video, part: Part) -> tuple[np.ndarray, dict[str, Any]]:
        spec = replace(self._settled, start_s=part.start_s, end_s=part.end_s, stream=part.stream)
        meter, run = Meter(1, 0), InProcess(backbone=self._extractor)
        with self._console.progress(video.path.name, 0, "clip") as progress:

            def show() -> None:
                progress.total = meter.clips_ahead + meter.clips
                progress.advance(by=meter.clips - progress.done)

            (finished,) = run([video], spec, Watch(meter, show, self._console))
            if finished.error:
                raise ExtractorError(finished.error)
        return finished.features, finished.record


def _fingerprint(origin: FeatureOrigin, part: Part, engine: str) -> str:
    """``engine`` as it was asked for: what one made is not given out as another's."""
    text = f"{origin.to_dict()} {part.start_s} {part.end_s}"
    if engine != "auto":
        text += f" engine {engine}"
    if part.stream is not None:
        text += f" stream {part.stream}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
