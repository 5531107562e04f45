"""``aqa-pipeline extract --dry-run``: what would be done, what is there, what the labels lack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aqa.data import DATASETS, DatasetConfig, Labels, Wanted, match_ids, read_labels, read_table
from aqa.storage import Place
from pipeline.extraction.folder import Division
from pipeline.workspace import Console, counted


@dataclass(frozen=True)
class LabelGaps:
    """``unlabelled``: videos without a label; ``absent``: labels without a video; ``notes``: what
    was joined by more than the exact id."""

    unlabelled: list[str]
    absent: list[str]
    source: str
    notes: list[str]


def label_gaps(
    ids: set[str],
    dataset: str | None,
    data_root: Path | None,
    output: Place,
    labels: Path | None,
) -> LabelGaps | None:
    """Ids of videos against the labels of a data set, or of a CSV; None where there are none.

    Raises AqaError for labels that cannot be read or, for a data set, are not there.
    """
    if dataset is None and labels is None:
        return None
    read = [read_table(labels)] if labels else _read(str(dataset), data_root, output)
    written = [label.video_id for part in read for label in (*part.train, *part.test)]
    matching = match_ids(written, ids)
    labelled = {matching.ids.get(name, name) for name in written}
    source = ", ".join(dict.fromkeys(str(part.source) for part in read))
    return LabelGaps(sorted(ids - labelled), sorted(labelled - ids), source, matching.notes)


def show_division(division: Division, gaps: LabelGaps | None, console: Console) -> None:
    """A line for every video and every gap, then the counts."""
    for video in division.todo:
        console.result(f"to do: {video.id} ({video.path})")
    for name in division.complete:
        console.result(f"complete: {name}")
    for failure in division.failures:
        console.result(f"not done: {failure.reason}")
    if gaps is not None:
        for name in gaps.unlabelled:
            console.result(f"no label: {name}")
        for name in gaps.absent:
            console.result(f"label without a video: {name}")
        for line in gaps.notes:
            console.note(line)
    counts = (
        f"{counted(len(division.todo), 'video')} to do, {len(division.complete)} complete, "
        f"{len(division.failures)} not done"
    )
    if gaps is not None:
        counts += (
            f"; {len(gaps.unlabelled)} without a label, "
            f"{counted(len(gaps.absent), 'label')} without a video "
            f"({gaps.source})"
        )
    console.result(counts)


def _read(dataset: str, data_root: Path | None, output: Place) -> list[Labels]:
    """The labels of a data set's usual score, of each apparatus where it has several."""
    kind = DATASETS.get(dataset)
    read = []
    for apparatus in kind.apparatus or (None,):
        _, folder = kind.find(Wanted(data_root or Path(), apparatus, output))
        read.append(read_labels(DatasetConfig(kind=dataset, apparatus=apparatus), folder))
    return read
