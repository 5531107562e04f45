"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import json
import math
import os
import uuid
from collections.abc import Callable
from typing import Any, BinaryIO

from aqa.errors import AqaError, SpoiledError
from aqa.storage.places import Place, RemotePath


def write_atomically(path: Place, write: Callable[[BinaryIO], object]) -> None:
    """Call ``write`` on a temporary file beside ``path``, sync it, rename it to ``path``.

    On another file system the content appears in that one's own way, as a whole too.
    """
    if isinstance(path, RemotePath):
        path.write_whole(write)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not all of a long name: a file system takes 255 bytes.
    temporary = path.with_name(f".{path.name[:40]}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):  # on a read-only disk the error above says more
            temporary.unlink(missing_ok=True)


def write_json(path: Place, content: Any) -> None:
    """Strict JSON: a nan (a correlation of one video, say) is written as null."""
    text = json.dumps(strict(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(json_bytes(text)))


def json_bytes(text: str) -> bytes:
    """JSON in UTF-8; what a file name that is not UTF-8 left in it becomes a JSON escape."""
    return text.encode("utf-8", "backslashreplace")


def strict(content: Any) -> Any:
    """The same document with null for nan and infinity, which JSON does not have."""
    if isinstance(content, dict):
        return {key: strict(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [strict(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def read_json(path: Place) -> dict[str, Any]:
    """The object in a JSON file; SpoiledError if it holds anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AqaError(f"{path} cannot be read as JSON: {error}") from error
    except ValueError as error:
        raise SpoiledError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise SpoiledError(f"{path} holds {type(content).__name__}, expected a JSON object")
    return content
