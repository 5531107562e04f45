"""Lists of footage: a text file or CSV with one path per line."""

from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aqa.errors import AqaError
from aqa.storage import Place, RemotePath, as_place
from extractors.readers import VIDEO_SUFFIXES
from pipeline.errors import Failure

TEXT_SUFFIXES = frozenset({".txt", ".lst"})
LIST_SUFFIXES = TEXT_SUFFIXES | {".csv"}
PATH_COLUMN, ID_COLUMN, RATE_COLUMN = "path", "id", "frame_rate"


@dataclass(frozen=True)
class Entry:
    """One path that a user gave; ``where`` ends with ": " or is empty (the command line).

    frame_rate  frames/s of the folders of frames at this path, where a list says so.
    """

    path: Place
    id: str | None = None
    where: str = ""
    frame_rate: float | None = None


def is_list(path: Place) -> bool:
    return path.suffix.lower() in LIST_SUFFIXES and not (
        isinstance(path, Path) and os.path.isdir(path)  # False for a name that is too long
    )


def read_list(path: Place) -> tuple[list[Entry], list[Failure]]:
    """The paths in a list, relative ones below the list's own folder, and lines that are none.

    Blank lines and lines that start with # are left out. A CSV has the paths in its column
    ``path``, with or without ids in a column ``id`` and frame rates of folders of frames in a
    column ``frame_rate``; one without a header has its paths in the first column. Raises AqaError
    where the list cannot be read or names nothing, or where the first cell of a CSV is no path and
    none is called ``path``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _csv_rows(text, path) if path.suffix.lower() == ".csv" else _text_rows(text)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AqaError(f"{path}: this list cannot be read: {reason}") from None
    if not rows:
        raise AqaError(f"{path}: this list is empty, expected one path per line")
    entries: list[Entry] = []
    failures: list[Failure] = []
    for row in rows:
        where = f"{path} line {row.line}: "
        try:
            place, rate = _resolved(row.path, path), _rate(row.frame_rate)
            entries.append(Entry(place, row.id or None, where, rate))
        except AqaError as error:
            failures.append(Failure(row.path, f"{where}{error}"))
    return entries, failures


def is_frame_rate(rate: float) -> bool:
    return 0 < rate < math.inf


@dataclass(frozen=True)
class _Row:
    """What stands in one line; empty where it says nothing."""

    line: int
    path: str
    id: str = ""
    frame_rate: str = ""


def _text_rows(text: str) -> list[_Row]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [_Row(number, line) for number, line in lines if line and not line.startswith("#")]


def _csv_rows(text: str, path: Place) -> list[_Row]:
    first = next((row.path for row in _text_rows(text)), "")
    # Where a comma is the decimal sign, spreadsheets separate with semicolons.
    separator = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    rows = [(line, row) for line, row in rows if any(row) and not row[0].startswith("#")]
    header = [PATH_COLUMN]
    if rows and PATH_COLUMN in (names := [cell.lower() for cell in rows[0][1]]):
        header, rows = names, rows[1:]
    elif rows and not _like_a_path(rows[0][1][0]):
        raise AqaError(
            f"{path}: no column {PATH_COLUMN!r}, and its first line, {','.join(rows[0][1])!r}, "
            f"does not begin with a path: call the column that has the paths {PATH_COLUMN!r}"
        )

    def cell(row: list[str], column: str) -> str:
        index = header.index(column) if column in header else len(row)
        return row[index] if index < len(row) else ""

    columns = PATH_COLUMN, ID_COLUMN, RATE_COLUMN
    return [_Row(line, *(cell(row, column) for column in columns)) for line, row in rows]


def _like_a_path(cell: str) -> bool:
    """Not a word (``video``) or a number (``7.5``), as a header or another column begins with."""
    name = PurePosixPath(cell)
    return len(name.parts) > 1 or name.suffix.lower() in VIDEO_SUFFIXES


def _rate(cell: str) -> float | None:
    """Spreadsheets write 29,97 where a comma is the decimal sign."""
    if not cell:
        return None
    try:
        rate = float(cell.replace(",", "."))
    except ValueError:
        rate = math.nan
    if not is_frame_rate(rate):
        raise AqaError(f"{RATE_COLUMN} {cell!r}: expected frames per second, a number above 0")
    return rate


def _resolved(name: str, list_path: Place) -> Place:
    if not name:
        raise AqaError("no path")
    place = as_place(name)
    if isinstance(place, RemotePath) or place.is_absolute():
        return place
    return list_path.parent / name
