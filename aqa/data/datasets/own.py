"""Anyone's own data: a table with the columns ``id`` (or a path), ``score``, optionally
``split``."""

from __future__ import annotations

import csv
from pathlib import Path

from aqa.data.kind import DatasetKind, Wanted
from aqa.data.labels import Label, Labels, to_score
from aqa.errors import AqaError, listing
from aqa.storage import Place


def _find(wanted: Wanted) -> tuple[Place, Path]:
    if wanted.features is None or wanted.labels is None:
        raise AqaError("own data needs a labels file (id,score[,split]) and a features folder")
    return wanted.features, wanted.labels


def read_table(path: Path, score: str = "", apparatus: str | None = None) -> Labels:
    """The labels in a CSV; AqaError names every line that is wrong."""
    rows, decimal_commas = _rows(path)
    parts: dict[str, list[Label]] = {"train": [], "test": []}
    wrong: list[str] = []
    for line, row in enumerate(rows, 2):
        video_id, text = (row["id"] or "").strip(), (row["score"] or "").strip()
        split = (row.get("split") or "train").strip().lower()
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


def _rows(path: Path) -> tuple[list[dict[str, str]], bool]:
    """The lines below the header, and whether a comma is the decimal sign."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            # Where a comma is the decimal sign, spreadsheets separate with semicolons.
            header = file.readline()
            semicolons = ";" in header and "," not in header
            file.seek(0)
            separator = ";" if semicolons else ","
            reader = csv.DictReader(file, delimiter=separator, skipinitialspace=True)
            columns = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AqaError(f"{path} cannot be read as CSV: {error}") from error
    missing = [name for name in ("id", "score") if name not in columns]
    if missing:
        raise AqaError(
            f"{path} has no column {' and '.join(missing)}: expected id,score[,split], "
            f"got {','.join(columns) or 'nothing'}"
        )
    return rows, semicolons


OWN = DatasetKind(name="csv", find=_find, read=read_table, below_root=False, configs=("own",))
