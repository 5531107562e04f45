"""Networks from a clip to one feature vector: torchvision's Video Swin, or any timm image model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from extractors.backbones.architectures import TIMM, SwinShape, require_timm, swin_shape
from extractors.backbones.checkpoints import load_strictly, read_checkpoint, to_torchvision
from extractors.backbones.weights import PRETRAINED, resolve
from extractors.errors import ExtractorError


@dataclass(frozen=True)
class BackboneIdentity:
    """What features depend on: ``weights_digest`` is that of the loaded weights, not of a file."""

    backbone: str
    weights: str
    weights_digest: str


class Backbone(nn.Module):
    """A frozen network in eval mode.  ``channels`` is the width of its features."""

    def __init__(self, trunk: nn.Module, name: str, weights: str, channels: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.channels = channels
        self.identity = BackboneIdentity(name, weights, digest_of(trunk))
        self.eval().requires_grad_(False)

    def forward(self, clips: Tensor) -> Tensor:
        """Normalised float [B, 3, T, H, W] -> float32 [B, C], pooled over time and space."""
        return self.trunk(clips).float()


class MeanOverFrames(nn.Module):
    """An image network on every frame of a clip, averaged."""

    def __init__(self, image_model: nn.Module) -> None:
        super().__init__()
        self.image_model = image_model

    def forward(self, clips: Tensor) -> Tensor:
        batch, _, frames, _, _ = clips.shape
        images = clips.transpose(1, 2).flatten(0, 1)  # [B*T, 3, H, W]
        return self.image_model(images).unflatten(0, (batch, frames)).mean(1)


def build_backbone(
    architecture: str | Mapping, weights: str | Path = "random", *, seed: int = 0
) -> Backbone:
    """A backbone in eval mode, on the CPU.

    architecture  swin3d_t, swin3d_s, swin3d_b, swin3d_b_window16, swin3d_mini; ``timm:NAME``; or a
                  dict (embed_dim, depths, num_heads, patch_size, window_size), or the text
                  ``swin3d(...)`` that stands for it in ``identity.backbone``.
    weights       "random" (from ``seed``), a published name, or the path of a checkpoint in the
                  official Video Swin or torchvision's format; for timm also "pretrained".

    Raises ExtractorError: unknown name, unreachable or unfitting weights.
    """
    if isinstance(architecture, str) and architecture.startswith(TIMM):
        return _build_timm(architecture, str(weights), seed)
    name, shape = swin_shape(architecture)
    if weights == "random":
        trunk = _seeded(lambda: make_swin(shape), seed)
        return Backbone(trunk, name, _random_label(seed), trunk.num_features)
    resolved = resolve(name, weights)
    state = to_torchvision(read_checkpoint(resolved.path), resolved.path)
    trunk = _empty_swin(shape)
    load_strictly(trunk, state, resolved.path)
    return Backbone(trunk, name, resolved.name, trunk.num_features)


def digest_of(model: nn.Module) -> str:
    """sha256 over the sorted state: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def make_swin(shape: SwinShape) -> nn.Module:
    """Torchvision's Video Swin of these sizes, without its classifier."""
    from torchvision.models.video import SwinTransformer3d

    sizes = (list(size) if isinstance(size, tuple) else size for size in astuple(shape))
    trunk = SwinTransformer3d(*sizes, num_classes=1)
    trunk.head = nn.Identity()  # its forward then ends with the pooled features
    return trunk


def _empty_swin(shape: SwinShape) -> nn.Module:
    """The same with weights that are still to be loaded: drawing them takes longer than that."""
    with torch.device("meta"):
        trunk = make_swin(shape)
    trunk.to_empty(device="cpu")
    for module in trunk.modules():
        # A constant of the sizes, which checkpoints leave out or have under other names.
        if hasattr(module, "define_relative_position_index"):
            module.define_relative_position_index()
    return trunk


def _build_timm(architecture: str, weights: str, seed: int) -> Backbone:
    import timm

    require_timm(architecture)
    name = architecture.removeprefix(TIMM)
    if weights == "random":
        model, label = _random_timm(name, seed), _random_label(seed)
    elif weights == PRETRAINED:
        label = weights
        try:
            model = timm.create_model(name, pretrained=True, num_classes=0)
        except Exception as error:  # the hub's client raises many kinds
            raise ExtractorError(
                f"{architecture}: its pretrained weights cannot be had ({type(error).__name__}); "
                "fetch the checkpoint elsewhere and give its path as the weights"
            ) from error
    else:
        resolved = resolve(architecture, weights)
        label, state = resolved.name, read_checkpoint(resolved.path)
        model = _random_timm(name, seed)  # its constants have no names that all models share
        classifier = model.pretrained_cfg.get("classifier") or ()
        prefixes = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        state = {k: v for k, v in state.items() if k.rpartition(".")[0] not in prefixes}
        load_strictly(model, state, resolved.path)
    return Backbone(MeanOverFrames(model), architecture, label, model.num_features)


def _random_timm(name: str, seed: int) -> nn.Module:
    import timm

    return _seeded(lambda: timm.create_model(name, num_classes=0), seed)


def _seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Fixed random weights, the caller's random state left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _random_label(seed: int) -> str:
    return "random" if seed == 0 else f"random-{seed}"
