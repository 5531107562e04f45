"""Every clip of scored routines as a table for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aqa.storage import write_atomically
from pipeline.scoring import Result
from pipeline.workspace import shown

COLUMNS = ("video", "score_name", "score", "clip", "start_s", "end_s", "points", "low", "high",
           "sure", "typical", "above_percent")  # fmt: skip


def write_clips(path: Path, results: Sequence[Result]) -> None:
    """A row for each clip of each result; empty where the checkpoint cannot say."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    table.writerows(row for result in results for row in _rows(result))
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))


def _rows(result: Result) -> Iterator[Sequence[Any]]:
    explained, name = result.explained, shown(result.video)
    # To a spreadsheet, what begins so is a formula.
    name = f"'{name}" if name[:1] in "=+-@" else name
    for index, part in enumerate(result.parts):
        compared = explained is not None and explained.typical is not None
        yield (
            name, result.score_name, result.score, index + 1, part.start_s, part.end_s,
            part.points, part.low, part.high, part.sure,
            explained.typical[index] if compared else None,
            explained.percentiles[index] if compared else None,
        )  # fmt: skip
