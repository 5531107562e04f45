"""The run folder's memory: which data set was extracted last, which checkpoint was trained last."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from aqa.storage import write_json
from pipeline.errors import UsageError

MEMORY = "last.json"


@dataclass(frozen=True)
class LastExtraction:
    """What ``train`` needs to know of the last ``extract``."""

    dataset: str | None
    features: str
    data_root: str | None
    finished: str


@dataclass(frozen=True)
class LastTraining:
    """What ``score`` needs to know of the last ``train``."""

    config: str
    checkpoint: str
    finished: str


_Last = TypeVar("_Last", LastExtraction, LastTraining)


class RunFolder:
    """The folder ``runs``: one subfolder per training, and ``last.json``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def last_extraction(self) -> LastExtraction | None:
        return self._last("extract", LastExtraction)

    def last_training(self) -> LastTraining | None:
        return self._last("train", LastTraining)

    def remember(self, entry: LastExtraction | LastTraining) -> None:
        key = "extract" if isinstance(entry, LastExtraction) else "train"
        write_json(self.root / MEMORY, {**self._read(), key: asdict(entry)})

    @contextmanager
    def new_run(self, name: str) -> Iterator[Path]:
        """A new folder, ``<name>-<date>-<time>``, with a number added where that exists. It is
        made here, or another run would take the same; it goes again if nothing was put into it."""
        require_writable(self.root)
        stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        folder = next(self.root / each for each in names if _made(self.root / each))
        try:
            yield folder
        finally:
            with suppress(OSError):  # not empty
                folder.rmdir()

    def _last(self, key: str, kind: type[_Last]) -> _Last | None:
        """None where nothing is remembered, or not in words that this version knows."""
        entry = self._read().get(key)
        if not isinstance(entry, dict) or set(entry) != {field.name for field in fields(kind)}:
            return None
        return kind(**entry)

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads((self.root / MEMORY).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there, or damaged: nothing is remembered
            return {}
        return content if isinstance(content, dict) else {}


def _made(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def require_writable(folder: Path) -> None:
    """Makes the folder; UsageError, before any work, where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written into ({error.strerror})") from None


def now() -> str:
    """Local time to the second, ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
