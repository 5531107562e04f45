"""What a server was asked for; travels to the process that runs it, and to Ray's workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.cluster import RayOptions

GIB = 2**30
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Limits:
    """What a server takes: of one upload, of all that wait, of one address in a second."""

    upload_bytes: int = 4 * GIB
    video_s: float = 30 * 60.0
    queued: int = 200
    requests_s: float = 50.0


@dataclass(frozen=True)
class ServeOptions:
    """``checkpoints`` as they were given; ``device`` auto: cuda where there is a GPU; ``token``
    None: whoever reaches the address may come in. ``weights`` and ``engine`` None: the
    checkpoint's, the quickest."""

    folder: Path
    checkpoints: tuple[Path, ...]
    host: str
    port: int
    device: str
    ray: RayOptions
    limits: Limits
    token: str | None = None
    weights: str | None = None
    engine: str | None = None
