"""Anyone's own data: a table with the columns ``id`` (or a path), ``score``, optionally
``split``."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from itertools import takewhile
from pathlib import Path

from aqa.data.kind import DatasetKind, Wanted
from aqa.data.labels import Label, Labels, to_score
from aqa.errors import AqaError, listing
from aqa.storage import Place

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of Excel and LibreOffice, of older Excel
_SAVE = "save it as CSV UTF-8"


def _find(wanted: Wanted) -> tuple[Place, Path]:
    if wanted.features is None or wanted.labels is None:
        raise AqaError("own data needs a labels file (id,score[,split]) and a features folder")
    return wanted.features, wanted.labels


def read_table(path: Path, score: str = "", apparatus: str | None = None) -> Labels:
    """The labels in a CSV; AqaError names every line that is wrong."""
    rows, decimal_commas = _rows(path)
    parts: dict[str, list[Label]] = {"train": [], "test": []}
    wrong: list[str] = []
    for line, row in rows:
        video_id, text = row["id"], row["score"]
        split = (row.get("split") or "train").lower()
        if not video_id or split not in parts:
            wrong.append(f"line {line}: " + (f"split {split!r}" if video_id else "no id"))
            continue
        try:
            number = to_score(text.replace(",", ".") if decimal_commas else text, "")
        except AqaError:
            if text:
                wrong.append(f"line {line}: {text!r} is no score")
                continue
            number = None
        parts[split].append(Label(video_id, number))
    if wrong:
        raise AqaError(f"{path}: {listing(wrong)} (expected id,score[,split train or test])")
    return Labels(parts["train"], parts["test"], path)


def read_scores(path: Path, score: str) -> dict[str, float]:
    """By id as it is written: what a table says in the column of this name, else in ``score``;
    without the ids that have none. AqaError names every line that is wrong."""
    rows, decimal_commas = _rows(path, score.lower())
    found, wrong = {}, []
    for line, row in rows:
        text, written = row["score"], row["id"]
        if not written or written in found:
            wrong.append(f"line {line}: " + (f"{written} again" if written else "no id"))
            continue
        try:
            if text:
                found[written] = to_score(text.replace(",", ".") if decimal_commas else text, "")
        except AqaError:
            wrong.append(f"line {line}: {text!r} is no score")
    if wrong:
        raise AqaError(f"{path}: {listing(wrong)} (expected each id once, and its score)")
    return found


def read_dates(path: Path) -> dict[str, date] | None:
    """By id as it is written: the column ``date`` of a table, years first (2026-01-31); None where
    there is no such column. AqaError names every line that is wrong."""
    if "date" not in table_columns(path):
        return None
    found, wrong = {}, []
    for line, row in _rows(path, needed=("id", "date"))[0]:
        try:
            if row["date"]:
                found[row["id"]] = datetime.fromisoformat(row["date"]).date()
        except ValueError:
            wrong.append(f"line {line}: {row['date']!r}")
    if wrong:
        raise AqaError(f"{path}: no date: {listing(wrong)} (expected years first: 2026-01-31)")
    return found


def table_columns(path: Path) -> list[str]:
    """The names in the header, in small letters."""
    return _cells(path)[0]


Row = tuple[int, dict[str, str]]


def _rows(
    path: Path, score: str = "score", needed: Sequence[str] = ("id", "score")
) -> tuple[list[Row], bool]:
    """(line number, cells by column) below the header, and whether a comma is the decimal sign.

    The cells of the column ``score``, where there is one, stand under "score".
    """
    columns, read, separator = _cells(path)
    if score in columns:
        columns = ["score" if name == score else f"other {name}" if name == "score" else name
                   for name in columns]  # fmt: skip
    missing = [name for name in needed if name not in columns]
    if missing:
        raise AqaError(
            f"{path} has no column {' and '.join(missing)}: expected id,score[,split], "
            f"got {' '.join(','.join(columns).split())[:200] or 'nothing'}"
        )
    rows = [(line, row) for line, row in read if any(row) and not row[0].startswith("#")]
    wrong = [
        f"line {line}: {len(row)} cells under {len(columns)} columns"
        for line, row in rows
        if any(row[len(columns) :])
    ]
    if wrong:
        raise AqaError(
            f"{path}: {listing(wrong)} (is a comma the decimal sign? then separate with semicolons)"
        )
    padded = ((line, row + [""] * (len(columns) - len(row))) for line, row in rows)
    by_column = [(line, dict(zip(columns, row, strict=False))) for line, row in padded]
    return by_column, separator == ";" or _decimal_commas(
        [row.get("score", "") for _, row in by_column]
    )


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """The names of the columns, the rows below them with their line numbers, the separator."""
    lines = list(io.StringIO(_text(path), newline=""))
    asked = re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE) if lines else None
    above = 1 if asked else 0  # a line by which Excel is told the separator
    above += sum(1 for _ in takewhile(lambda line: line[:1] in "#\r\n", lines[above:]))
    header = lines[above] if above < len(lines) else ""
    separator = asked[1] if asked else next((sign for sign in "\t;" if sign in header), ",")
    if separator == ";" and "," in header and not asked:
        separator = ","
    try:
        cells = csv.reader(lines[above:], delimiter=separator, skipinitialspace=True)
        read = [(above + cells.line_num, [cell.strip() for cell in row]) for row in cells]
    except csv.Error as error:
        raise AqaError(f"{path} cannot be read as CSV: {error}; {_SAVE}") from error
    columns = [name.lower() for name in read[0][1]] if read else []
    return columns, read[1:], separator


def _decimal_commas(scores: Sequence[str]) -> bool:
    """Whether scores in a table without semicolons have decimal commas: ``"10,5"``. Three digits
    behind a comma may as well be thousands."""
    with_comma = [score for score in scores if "," in score]
    return (
        bool(with_comma)
        and not any("." in score for score in scores)
        and all(re.fullmatch(r"[+-]?\d+,\d{1,2}", score) for score in with_comma)
    )


def _text(path: Path) -> str:
    """The file as text; AqaError, with what to do, where it is a workbook or in an old encoding."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AqaError(f"{path} cannot be read: {error.strerror}") from error
    if content.startswith(_WORKBOOKS):
        raise AqaError(f"{path} is a workbook of a spreadsheet, not a CSV: {_SAVE}")
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise AqaError(f"{path} is not UTF-8 (line {line}): {_SAVE}") from error


OWN = DatasetKind(name="csv", find=_find, read=read_table, below_root=False, configs=("own",))
