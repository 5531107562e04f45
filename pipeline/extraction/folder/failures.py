"""``failures.jsonl`` in a feature folder: the videos that could not be done, a JSON line each."""

from __future__ import annotations

import json
from collections.abc import Collection

from aqa.data import FeatureFolder
from aqa.storage import json_bytes, write_atomically
from pipeline.errors import Failure
from pipeline.workspace import now

FILE_NAME = "failures.jsonl"


class FailureLog:
    """What failed in this folder and was not tried again since; written at every failure.

    Lines of earlier runs stay, but for the videos of this one. Without a failure there is no file.
    """

    def __init__(self, folder: FeatureFolder, names: Collection[str]) -> None:
        """``names``: ids and paths of what is tried now; their lines go."""
        self.path = folder.folder / FILE_NAME
        try:
            earlier = self.path.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            earlier = ""
        again = {None, *names}
        lines = [line for line in earlier.split("\n") if line]
        self._lines = [line for line in lines if not again.intersection(_names(line))]
        if len(self._lines) < len(lines):
            self._write()

    def add(self, failure: Failure) -> None:
        entry = {
            "id": failure.name,
            "path": failure.path or failure.name,
            "reason": failure.reason,
            "tried": list(failure.tried),
            "time": now(),
        }
        self._lines.append(json.dumps(entry, ensure_ascii=False))
        self._write()

    def _write(self) -> None:
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            write_atomically(self.path, lambda file: file.write(json_bytes(text)))
        else:
            self.path.unlink(missing_ok=True)


def _names(line: str) -> tuple[str | None, ...]:
    """Id and path; None for a line that is damaged: it is dropped."""
    try:
        entry = json.loads(line)
        return entry["id"], entry.get("path", "")
    except (ValueError, KeyError, TypeError):
        return (None,)
