"""The run folder's memory: which data set was extracted last, which checkpoint was trained last."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aqa.storage.whole_files import write_json
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


class RunFolder:
    """The folder ``runs``: one subfolder per training, and ``last.json``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def last_extraction(self) -> LastExtraction | None:
        entry = self._read().get("extract")
        return LastExtraction(**entry) if entry else None

    def last_training(self) -> LastTraining | None:
        entry = self._read().get("train")
        return LastTraining(**entry) if entry else None

    def remember(self, entry: LastExtraction | LastTraining) -> None:
        key = "extract" if isinstance(entry, LastExtraction) else "train"
        write_json(self.root / MEMORY, {**self._read(), key: asdict(entry)})

    def new_run(self, name: str) -> Path:
        """A new folder's path, ``<name>-<date>-<time>``, with a number added where that exists."""
        stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        for number in range(1, 1000):
            folder = self.root / (stem if number == 1 else f"{stem}-{number}")
            if not folder.exists():
                return folder
        raise FileExistsError(f"{self.root}: 999 runs named {stem}")

    def _read(self) -> dict[str, Any]:
        try:
            return json.loads((self.root / MEMORY).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}


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
