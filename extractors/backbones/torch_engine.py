"""torch, on a GPU or where OpenVINO is not."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.video.swin_transformer import SwinTransformer3d

from extractors.backbones.conversion import Wanted
from extractors.backbones.fused import FusedSwin
from extractors.backbones.networks import build_backbone


class TorchEngine:
    """A backbone on a device; Video Swin with fused attention."""

    def __init__(self, wanted: Wanted, device: str) -> None:
        backbone = build_backbone(wanted.backbone, wanted.weights)
        self.channels = backbone.channels
        self._kind = torch.device(device).type
        self._bf16 = wanted.precision == "bf16"
        if self._kind == "cuda" and not self._bf16:
            torch.backends.cudnn.allow_tf32 = False  # or convolutions would round to ten bits
        trunk = backbone.trunk
        self._forward = FusedSwin(trunk) if isinstance(trunk, SwinTransformer3d) else trunk
        self._forward.to(device)

    def __call__(self, clips: Tensor) -> Tensor:
        """On a CPU clip by clip: as quick, and in bf16 a product's rounding depends on the size of
        its batch."""
        parts = clips.split(1) if self._kind == "cpu" else (clips,)
        with (
            torch.inference_mode(),
            torch.autocast(self._kind, torch.bfloat16, enabled=self._bf16),
        ):
            return torch.cat([self.in_pieces(part) for part in parts])

    def in_pieces(self, clips: Tensor) -> Tensor:
        """Whole, or, where memory is short for that, in halves, and so on down to one clip; then
        OutOfMemoryError."""
        try:
            return self._forward(clips).float()
        except torch.OutOfMemoryError:
            if len(clips) == 1:
                raise
        # Out of the handler, which holds on to what the attempt had in memory.
        if self._kind == "cuda":
            torch.cuda.empty_cache()
        return torch.cat([self.in_pieces(half) for half in clips.split(-(-len(clips) // 2))])
