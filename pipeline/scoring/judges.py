"""What a table says of routines that are scored: the judges' scores, to stand beside the model's,
and the days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from aqa.data import match_ids, read_dates, read_scores, table_columns
from aqa.errors import listing
from pipeline.errors import UsageError
from pipeline.scoring.result import Result
from pipeline.workspace import Console, counted

Value = TypeVar("Value")


class Judges:
    """A table of them: for each score the column of its name, else ``score``. AqaError where it
    cannot be read."""

    def __init__(self, labels: Path, score_names: Iterable[str]) -> None:
        self._labels = labels
        self._given = {name: read_scores(labels, name) for name in score_names}

    def beside(
        self, results: Sequence[Result], ids: Mapping[str, str], console: Console
    ) -> list[Result]:
        """Results with what the table says of their videos. ``ids``: by the video of a result."""
        of_id = {name: _by_id(table, ids.values()) for name, table in self._given.items()}
        found = [
            replace(each, judged=of_id[each.score_name].get(ids[each.video])) for each in results
        ]
        unknown = len({each.video for each in found if each.judged is None})
        if unknown:
            console.warn(f"{self._labels}: no score of {counted(unknown, 'video')}")
        return found


def has_scores(labels: Path, score_names: Iterable[str]) -> bool:
    """False of a table of days alone; one without either is refused when its scores are read."""
    columns = set(table_columns(labels))
    return "date" not in columns or bool(columns & {"score", *map(str.lower, score_names)})


def dates_of(labels: Path, ids: Mapping[str, str]) -> dict[str, date] | None:
    """By video, as ``ids`` are: the column ``date`` of a table. None where it has no such column;
    UsageError where it leaves out one of these videos."""
    table = read_dates(labels)
    if table is None:
        return None
    of_id = _by_id(table, ids.values())
    missing = [video for video, video_id in ids.items() if video_id not in of_id]
    if missing:
        raise UsageError(f"{labels}: no date of {listing(missing)}: give one, or drop the column")
    return {video: of_id[video_id] for video, video_id in ids.items()}


def _by_id(table: Mapping[str, Value], ids: Iterable[str]) -> dict[str, Value]:
    return {
        video_id: table[written] for written, video_id in match_ids(table, list(ids)).ids.items()
    }
