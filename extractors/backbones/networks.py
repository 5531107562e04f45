"""Networks from a clip to one feature vector: torchvision's Video Swin, or any timm image model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from extractors.backbones.checkpoints import load_strictly, load_swin, read_checkpoint
from extractors.backbones.weights import ResolvedWeights, resolve
from extractors.errors import ExtractorError

SWIN_SIZES = {
    "swin3d_t": ((2, 4, 4), 96, (2, 2, 6, 2), (3, 6, 12, 24), (8, 7, 7)),
    "swin3d_s": ((2, 4, 4), 96, (2, 2, 18, 2), (3, 6, 12, 24), (8, 7, 7)),
    "swin3d_b": ((2, 4, 4), 128, (2, 2, 18, 2), (4, 8, 16, 32), (8, 7, 7)),
    # Something-Something v2: a longer window.
    "swin3d_b_window16": ((2, 4, 4), 128, (2, 2, 18, 2), (4, 8, 16, 32), (16, 7, 7)),
    # For tests, the demo and laptops: random weights only.
    "swin3d_mini": ((2, 4, 4), 24, (2, 2), (2, 4), (8, 7, 7)),
}
_SETTINGS = ("patch_size", "embed_dim", "depths", "num_heads", "window_size")


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
    if isinstance(architecture, str) and architecture.startswith("timm:"):
        return _build_timm(architecture, str(weights), seed)
    name, settings = _swin_settings(architecture)
    trunk = _seeded(lambda: make_swin(settings), seed)
    if weights == "random":
        label = _random_label(seed)
    else:
        resolved = resolve(name, weights)
        load_swin(trunk, resolved.path)
        label = resolved.name
    return Backbone(trunk, name, label, trunk.num_features)


def digest_of(model: nn.Module) -> str:
    """sha256 over the sorted state: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def make_swin(settings: tuple) -> nn.Module:
    """Torchvision's Video Swin of these sizes (one of SWIN_SIZES), without its classifier."""
    from torchvision.models.video import SwinTransformer3d

    patch, width, depths, heads, window = (list(s) if isinstance(s, tuple) else s for s in settings)
    trunk = SwinTransformer3d(patch, width, depths, heads, window, num_classes=1)
    trunk.head = nn.Identity()  # its forward then ends with the pooled features
    return trunk


def _build_timm(architecture: str, weights: str, seed: int) -> Backbone:
    import timm

    name = architecture.removeprefix("timm:")
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name.split('_')[0]}*")[:5])
        raise ExtractorError(f"timm has no model {name!r}" + (f"; near it: {near}" if near else ""))
    model = _seeded(lambda: timm.create_model(name, num_classes=0), seed)
    label = _random_label(seed)
    if weights == "pretrained":
        label = weights
        try:
            model = timm.create_model(name, pretrained=True, num_classes=0)
        except Exception as error:  # the hub's client raises many kinds
            raise ExtractorError(
                f"{architecture}: its pretrained weights cannot be had ({type(error).__name__}); "
                "fetch the checkpoint elsewhere and give its path as the weights"
            ) from error
    elif weights != "random":
        resolved: ResolvedWeights = resolve(architecture, weights)
        state = read_checkpoint(resolved.path)
        classifier = model.pretrained_cfg.get("classifier") or ()
        prefixes = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        state = {k: v for k, v in state.items() if k.rpartition(".")[0] not in prefixes}
        load_strictly(model, state, resolved.path)
        label = resolved.name
    return Backbone(MeanOverFrames(model), architecture, label, model.num_features)


def _seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Fixed random weights, the caller's random state left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _random_label(seed: int) -> str:
    return "random" if seed == 0 else f"random-{seed}"


def _swin_settings(architecture: str | Mapping) -> tuple[str, tuple]:
    """(canonical name, settings in the order of _SETTINGS)."""
    if isinstance(architecture, str):
        if architecture in SWIN_SIZES:
            return architecture, SWIN_SIZES[architecture]
        architecture = _parse(architecture)
    if set(architecture) != set(_SETTINGS):
        raise ExtractorError(
            f"a swin3d backbone needs exactly {', '.join(_SETTINGS)}; got {sorted(architecture)}"
        )
    settings = tuple(_setting(key, architecture[key]) for key in _SETTINGS)
    _check(settings)
    known = next((name for name, numbers in SWIN_SIZES.items() if numbers == settings), None)
    text = ",".join(
        f"{key}={'-'.join(map(str, value)) if isinstance(value, tuple) else value}"
        for key, value in sorted(zip(_SETTINGS, settings, strict=True))
    )
    return known or f"swin3d({text})", settings


def _parse(text: str) -> dict[str, list[int] | int]:
    match = re.fullmatch(r"swin3d\((.*)\)", text)
    if not match or not re.fullmatch(r"(\w+=\d+(-\d+)*,?)+", match[1]):
        raise ExtractorError(
            f"unknown backbone {text!r}: there are {', '.join(SWIN_SIZES)} and timm:NAME"
        )
    pairs = (part.split("=") for part in match[1].split(","))
    numbers = {key: [int(n) for n in value.split("-")] for key, value in pairs}
    return {k: v[0] if k == "embed_dim" else v for k, v in numbers.items()}


def _setting(key: str, value: object) -> int | tuple[int, ...]:
    plain = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not plain or not all(isinstance(n, int) and n > 0 for n in plain):
        raise ExtractorError(f"swin3d backbone: {key} cannot be {value!r}")
    if (key == "embed_dim") != isinstance(value, int):
        raise ExtractorError(f"swin3d backbone: {key} cannot be {value!r}")
    return plain[0] if key == "embed_dim" else tuple(plain)


def _check(settings: tuple) -> None:
    patch, width, depths, heads, window = settings
    fits = len(patch) == 3 == len(window) and len(depths) == len(heads) and sum(depths) > 1
    if not fits or any(width * 2**i % h for i, h in enumerate(heads)):
        raise ExtractorError(
            f"swin3d backbone: sizes do not fit: embed_dim {width}, depths {depths}, num_heads "
            f"{heads}, patch_size {patch}, window_size {window}"
        )
