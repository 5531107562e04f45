"""The judges' scores of routines that are scored, to stand beside the model's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aqa.data import match_ids, read_scores
from pipeline.scoring.result import Result
from pipeline.workspace import Console, counted


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
        of_id = {
            name: {video_id: table[written]
                   for written, video_id in match_ids(table, ids.values()).ids.items()}
            for name, table in self._given.items()
        }  # fmt: skip
        found = [
            replace(each, judged=of_id[each.score_name].get(ids[each.video])) for each in results
        ]
        unknown = len({each.video for each in found if each.judged is None})
        if unknown:
            console.warn(f"{self._labels}: no score of {counted(unknown, 'video')}")
        return found
