"""Backbones in the form that OpenVINO computes, made once and kept.

One file for each backbone, weights, shape of a clip, precision, versions of the libraries and kind
of processor: the network as it is compiled for that processor, so that a worker only loads it. Made
in a process of its own (what goes wrong there ends that process alone), compared there with torch,
written beside its place and moved there, under a lock: workers and commands wait for each other.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from extractors.backbones.processor import kind
from extractors.errors import ExtractorError

# A network of OpenVINO's that differs from torch by more is not used. Features are of size one.
GREATEST_DIFFERENCE = {"float32": 1e-4, "bf16": 5e-2}
_LAYOUT = 1  # of what is kept here
_LIBRARIES = ("openvino", "torch", "torchvision", "timm")


class EngineError(ExtractorError):
    """An engine cannot be had on this machine; another one may do."""


@dataclass(frozen=True)
class Wanted:
    """What is to be computed.

    digest      of the weights, as in ``BackboneIdentity``.
    clip_shape  (T, H, W) of its input.
    precision   "float32" or "bf16".
    """

    backbone: str
    weights: str
    digest: str
    clip_shape: tuple[int, int, int]
    precision: str


def converted(wanted: Wanted, tell: Callable[[str], None]) -> Path:
    """The file for this machine, made where it is not there or is damaged; ``tell`` gets lines for
    people. EngineError where there can be none."""
    reason = ""
    for folder in _folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = folder / f"{_key(wanted)}.blob"
            if is_whole(path):
                return path
            if reason:
                tell(f"{reason}; kept in {folder} instead")
            return _made(wanted, path, tell)
        except OSError as error:
            reason = f"{error.filename or folder}: {error.strerror}"
    raise EngineError(f"the converted backbone cannot be kept: {reason}")


def is_whole(path: Path) -> bool:
    """Whether it is there as it was written."""
    try:
        manifest = json.loads(_manifest(path).read_text())
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == manifest["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def keep(wanted: Wanted, path: Path, blob: bytes, difference: float) -> None:
    """Writes the file and what is known of it, the latter last. OSError."""
    about: dict[str, Any] = {
        "sha256": hashlib.sha256(blob).hexdigest(),
        "bytes": len(blob),
        "greatest_difference": difference,
        "versions": _versions(),
        **asdict(wanted),
    }
    _manifest(path).unlink(missing_ok=True)
    for target, content in ((path, blob), (_manifest(path), json.dumps(about, indent=1).encode())):
        temporary = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def _made(wanted: Wanted, path: Path, tell: Callable[[str], None]) -> Path:
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(f"another process converts {wanted.backbone}: waiting for it")
        lock.acquire()
    try:
        if is_whole(path):
            return path
        if path.exists():
            tell(f"{path}: cut short or changed, made again")
        tell(f"converting {wanted.backbone} for this processor, once (a minute or two at most) ...")
        _convert(wanted, path)
        if not is_whole(path):
            raise EngineError(f"{path}: is not what was written")
        return path
    finally:
        lock.release()


def _convert(wanted: Wanted, path: Path) -> None:
    """In another process, which ends with one line where it cannot be done."""
    command = [sys.executable, "-m", "extractors.backbones.convert"]
    asked = json.dumps([asdict(wanted), os.fspath(path)])
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = done.stderr.strip().splitlines()
    try:
        failed = json.loads(said[-1])
        number, text, name = failed["errno"], str(failed["text"]), failed["file"]
    except (IndexError, ValueError, KeyError, TypeError):
        number, text, name = None, f"its process ended with status {done.returncode}", None
    if number is not None:
        raise OSError(number, text, name)
    raise EngineError(f"{wanted.backbone} cannot be converted: {text}")


def _key(wanted: Wanted) -> str:
    what = [asdict(wanted) | {"weights": ""}, _versions(), kind(), _LAYOUT]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in wanted.backbone)[:40]
    return f"{name}-{wanted.precision}-{digest}"


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def _folders() -> list[Path]:
    """Where converted backbones are kept: $AQA_MODELS_DIR, or the user's cache; else a folder for
    temporary files."""
    usual = os.environ.get("AQA_MODELS_DIR")
    own = Path(tempfile.gettempdir()) / f"aqa-pipeline-models-{os.getuid()}"
    try:
        first = Path(usual) if usual else Path.home() / ".cache" / "aqa-pipeline" / "models"
    except RuntimeError:  # no home
        return [own]
    return [first.expanduser(), own]


def _manifest(path: Path) -> Path:
    return path.with_suffix(".json")
