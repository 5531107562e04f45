"""The second stage: a batch of clips to features."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from extractors import get_protocol
from extractors.backbones import Wanted, canonical_name, choose_engine, open_engine
from pipeline.errors import one_line
from pipeline.extraction.stages.batch import Batch
from pipeline.extraction.stages.spec import ExtractionSpec


class FeatureExtractor:
    """Holds the backbone, for ``workers`` threads at once. Give each one torch thread: with a
    worker per core that is as fast, and no sum changes its order with the number of cores."""

    def __init__(self, spec: ExtractionSpec, workers: int = 1) -> None:
        if spec.weights_digest is None or spec.engine == "auto":
            spec = settled(spec, _tell_nobody)
        self._protocol, self._device = get_protocol(spec.protocol), spec.device
        self.broken = False  # a GPU whose error does not go away within this process
        self._backbone = open_engine(spec.engine, spec.device, _wanted(spec), _tell_nobody, workers)
        # Batches have one shape: they go to the GPU from one page-locked place.
        self._pinned = None
        if spec.device == "cuda":
            import torch

            self._pinned = torch.empty(spec.batch_shape, dtype=torch.uint8, pin_memory=True)

    def __call__(self, batch: Batch) -> Batch:
        """The batch with ``features`` for its ``clips``; one with an error stays one."""
        error, began = batch.error, time.perf_counter()
        features = np.zeros((0, self._backbone.channels), np.float32)
        if not error:
            try:
                features = self._forward(batch.clips)
            except Exception as failure:  # out of memory on one batch must not end the run
                error = f"backbone: {one_line(failure)}"
                self.broken = "CUDA error" in error
        return batch.computed(features, time.perf_counter() - began, error)

    def _forward(self, clips: np.ndarray) -> np.ndarray:
        import torch

        from extractors import normalise

        with torch.inference_mode():
            if self._pinned is None:
                # Arrays from Ray's object store are read-only; torch wants its own copy.
                parts = [torch.from_numpy(np.array(clip[None])) for clip in clips]
            else:
                np.copyto(self._pinned.numpy(), clips)
                parts = [self._pinned.to(self._device, non_blocking=True)]
            features = [self._backbone(normalise(part, self._protocol)) for part in parts]
            return torch.cat(features).cpu().numpy()


def settled(
    spec: ExtractionSpec, tell: Callable[[str], None], digest: str | None = None
) -> ExtractionSpec:
    """The same with one engine and the digest of the weights: what workers are to have, so that
    none of them chooses for itself. ``tell`` gets lines for people. Raises ExtractorError."""
    if digest is None:
        from extractors import build_backbone

        digest = build_backbone(spec.architecture, spec.weights).identity.weights_digest
    spec = replace(spec, weights_digest=digest)
    return replace(spec, engine=choose_engine(spec.engine, spec.device, _wanted(spec), tell))


def _wanted(spec: ExtractionSpec) -> Wanted:
    frames, height, width, _ = get_protocol(spec.protocol).clip_shape
    return Wanted(
        canonical_name(spec.architecture),
        spec.weights,
        spec.weights_digest or "",
        (frames, height, width),
        spec.precision,
    )


def _tell_nobody(line: str) -> None:
    """In a worker there is nobody to read it."""
