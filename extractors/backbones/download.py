"""One file from an address to a path, where it appears only when it is complete and right."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.request import Request, urlopen

_CHUNK_BYTES = 1 << 20
_SILENCE_LIMIT_S = 60.0


class DownloadError(Exception):
    """The file cannot be had; the text says why."""


def download(address: str, target: Path, hash_prefix: str | None = None) -> None:
    """Through a temporary file beside ``target``: any number of processes may do it at once.

    Shows its progress on standard error.  Raises DownloadError: no answer, fewer bytes than
    announced, or a sha256 that does not start with ``hash_prefix``.
    """
    partial: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        request = Request(address, headers={"User-Agent": "aqa-pipeline"})
        with urlopen(request, timeout=_SILENCE_LIMIT_S) as source:
            announced = int(source.headers.get("Content-Length") or 0)
            handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
            partial = Path(name)
            with os.fdopen(handle, "wb") as file:
                digest, size = _copy(source, file, announced)
                os.fsync(file.fileno())
        if announced and size != announced:
            raise DownloadError(f"it broke off after {size} of {announced} bytes")
        if not digest.startswith(hash_prefix or ""):
            raise DownloadError(f"invalid hash: expected {hash_prefix}, got {digest[:8]}")
        partial.chmod(0o644)  # not for the one user only, as temporary files are
        os.replace(partial, target)
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadError(str(error) or type(error).__name__) from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


def _copy(source: BinaryIO, file: BinaryIO, announced: int) -> tuple[str, int]:
    """(sha256, number of bytes)."""
    digest, size, told = hashlib.sha256(), 0, time.monotonic()
    every_s = 0.5 if sys.stderr.isatty() else 30.0
    while chunk := source.read(_CHUNK_BYTES):
        file.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        if time.monotonic() - told > every_s:
            _tell(size, announced, "")
            told = time.monotonic()
    _tell(size, announced, "\n")
    return digest.hexdigest(), size


def _tell(size: int, announced: int, end: str) -> None:
    of = f" of {announced / 1e6:.1f}" if announced else ""
    line = f"  {size / 1e6:.1f}{of} MB"
    if sys.stderr.isatty():
        print(f"\r{line}", end=end, file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr)
