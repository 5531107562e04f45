"""Published weights by name: fetched once into a cache folder, checked ever after."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from extractors.backbones.architectures import TIMM
from extractors.backbones.download import DownloadError, download
from extractors.errors import ExtractorError

_OFFICIAL = "https://github.com/SwinTransformer/storage/releases/download/v1.0.4"
PRETRAINED = "pretrained"  # what timm's own hub has for a model
_TORCHVISION = "https://download.pytorch.org/models"


@dataclass(frozen=True)
class Published:
    """A checkpoint that anyone can download.  Torchvision's file names end in a hash prefix."""

    architecture: str
    name: str
    base: str
    file: str

    @property
    def hash_prefix(self) -> str | None:
        match = re.search(r"-([0-9a-f]{8})\.pth$", self.file)
        return match[1] if match and self.base == _TORCHVISION else None


PUBLISHED = (
    # kinetics600-22k made the published RG, Fis-V and LOGO features.
    Published(
        "swin3d_b",
        "kinetics600-22k",
        _OFFICIAL,
        "swin_base_patch244_window877_kinetics600_22k.pth",
    ),
    Published(
        "swin3d_b",
        "kinetics400-22k",
        _OFFICIAL,
        "swin_base_patch244_window877_kinetics400_22k.pth",
    ),
    Published(
        "swin3d_b", "kinetics400-1k", _OFFICIAL, "swin_base_patch244_window877_kinetics400_1k.pth"
    ),
    Published(
        "swin3d_s", "kinetics400-1k", _OFFICIAL, "swin_small_patch244_window877_kinetics400_1k.pth"
    ),
    Published(
        "swin3d_t", "kinetics400-1k", _OFFICIAL, "swin_tiny_patch244_window877_kinetics400_1k.pth"
    ),
    Published("swin3d_b_window16", "sthv2", _OFFICIAL, "swin_base_patch244_window1677_sthv2.pth"),
    Published("swin3d_t", "KINETICS400_V1", _TORCHVISION, "swin3d_t-7615ae03.pth"),
    Published("swin3d_s", "KINETICS400_V1", _TORCHVISION, "swin3d_s-da41c237.pth"),
    Published("swin3d_b", "KINETICS400_V1", _TORCHVISION, "swin3d_b_1k-24f7c7c6.pth"),
    Published("swin3d_b", "KINETICS400_IMAGENET22K_V1", _TORCHVISION, "swin3d_b_22k-7c6ae6fa.pth"),
)


@dataclass(frozen=True)
class ResolvedWeights:
    """``name`` identifies the weights; ``path`` is the local file."""

    name: str
    path: Path


def resolve(architecture: str, weights: str | Path) -> ResolvedWeights:
    """A local file for a path or a published name, downloaded if need be.

    Files are kept in $AQA_WEIGHTS_DIR (default ~/.cache/aqa-pipeline/weights).  $AQA_WEIGHTS_URL
    replaces the publishers' addresses by that of a mirror holding the same files.
    Raises ExtractorError: unknown name, unreachable address, or a file that has changed.
    """
    path = Path(weights).expanduser()
    if path.is_file():
        return ResolvedWeights(_name_of_file(path), path)
    return ResolvedWeights(str(weights), _fetch(_published(architecture, str(weights))))


def require_known(architecture: str, name: str) -> None:
    """ExtractorError, with the names there are, for a name of weights that this backbone does not
    have. ``architecture`` is a canonical name. Fetches nothing."""
    if name != "random" and not (architecture.startswith(TIMM) and name == PRETRAINED):
        _published(architecture, name)


def _published(architecture: str, name: str) -> Published:
    known = {p.name: p for p in PUBLISHED if p.architecture == architecture}
    if name not in known:
        own = PRETRAINED if architecture.startswith(TIMM) else "none published"
        names = ", ".join(known) or own
        raise ExtractorError(
            f"weights {name!r}: no such file, and no name for {architecture} "
            f"(names: {names}; or 'random')"
        )
    return known[name]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name_of_file(path: Path) -> str:
    """The published name where the file has a published file name, else one made of its digest."""
    digest = sha256_of(path)
    for published in PUBLISHED:
        if path.name == published.file and digest.startswith(published.hash_prefix or ""):
            return published.name
    return f"file:{digest[:12]}"


def _fetch(published: Published) -> Path:
    folder = Path(
        os.environ.get("AQA_WEIGHTS_DIR") or Path.home() / ".cache" / "aqa-pipeline" / "weights"
    ).expanduser()
    target = folder / published.file
    if not target.exists():
        _download(published, target)
    _check(published, target)
    return target


def _download(published: Published, target: Path) -> None:
    base = os.environ.get("AQA_WEIGHTS_URL") or published.base
    address = f"{base.rstrip('/')}/{published.file}"
    print(f"downloading {address} to {target.parent}", file=sys.stderr)
    try:
        download(address, target, published.hash_prefix)
    except DownloadError as error:
        raise ExtractorError(
            f"weights {published.name}: {address} cannot be fetched ({error}); "
            f"put the file {published.file} into {target.parent}"
        ) from error


def _check(published: Published, target: Path) -> None:
    """Against the publisher's hash, or against the digest recorded at first use."""
    digest = sha256_of(target)
    record = target.with_name(target.name + ".sha256")
    if published.hash_prefix is None and not record.exists():
        _record(digest, record)
        return
    expected = published.hash_prefix or record.read_text().strip()
    if not expected or not digest.startswith(expected):
        raise ExtractorError(
            f"{target}: has changed or is incomplete (sha256 {digest[:12]}…, expected "
            f"{expected[:12]}…); delete it to fetch it again"
        )


def _record(digest: str, record: Path) -> None:
    temporary = record.with_name(f"{record.name}.{os.getpid()}")
    try:
        temporary.write_text(digest + "\n")
        os.replace(temporary, record)
    except OSError as error:  # a cache that somebody else keeps
        print(f"{record}: the digest cannot be recorded ({error.strerror})", file=sys.stderr)
