"""The second stage: a batch of clips to features."""

from __future__ import annotations

import time

import numpy as np

from extractors import get_protocol
from pipeline.errors import one_line
from pipeline.extraction.stages.batch import Batch
from pipeline.extraction.stages.spec import ExtractionSpec


class FeatureExtractor:
    """Holds the backbone. Give each worker one torch thread: with a worker per core that is as
    fast, and no sum changes its order with the number of cores."""

    def __init__(self, spec: ExtractionSpec) -> None:
        import torch

        from extractors import build_backbone

        self._protocol = get_protocol(spec.protocol)
        self._device = torch.device(spec.device)
        self._bf16 = spec.precision == "bf16"
        self.broken = False  # a GPU whose error does not go away within this process
        if self._device.type == "cuda" and not self._bf16:
            torch.backends.cudnn.allow_tf32 = False  # or convolutions would round to ten bits
        self._backbone = build_backbone(spec.architecture, spec.weights).to(self._device)
        # Batches have one shape: they go to the GPU from one page-locked place.
        self._pinned = None
        if self._device.type == "cuda":
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

        kind = self._device.type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=self._bf16):
            if self._pinned is None:
                # Clip by clip: as quick, and in bf16 a product's rounding depends on the size of
                # its batch. Arrays from Ray's object store are read-only; torch wants its own copy.
                parts = [torch.from_numpy(np.array(clip[None])) for clip in clips]
            else:
                np.copyto(self._pinned.numpy(), clips)
                parts = [self._pinned.to(self._device, non_blocking=True)]
            features = [self._backbone(normalise(part, self._protocol)) for part in parts]
            return torch.cat(features).float().cpu().numpy()
