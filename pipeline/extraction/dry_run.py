"""``aqa-pipeline extract --dry-run``: what would be done, what is there, what the labels lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from aqa.data.labels import (
    Labels,
    find_layout,
    find_logo,
    read_csv_labels,
    read_logo_labels,
    read_text_labels,
)
from pipeline.extraction.job import Division
from pipeline.footage.videos import Video
from pipeline.workspace.console import Console, counted

APPARATUS = ("Ball", "Clubs", "Hoop", "Ribbon")


@dataclass(frozen=True)
class LabelGaps:
    """``unlabelled``: videos without a label; ``absent``: labels without a video."""

    unlabelled: list[str]
    absent: list[str]
    source: str


def label_gaps(
    videos: Sequence[Video],
    dataset: str | None,
    data_root: Path | None,
    output: Path,
    labels: Path | None,
) -> LabelGaps | None:
    """Videos against the labels of a published data set, or of a CSV; None where there are none.

    Raises AqaError for labels that cannot be read or, for a data set, are not there.
    """
    if dataset is None and labels is None:
        return None
    read = _read(dataset, data_root, output, labels)
    ids = {video.id for video in videos}
    labelled = {
        _matching(label.video_id, ids) for part in read for label in (*part.train, *part.test)
    }
    return LabelGaps(
        sorted(ids - labelled), sorted(labelled - ids), ", ".join({str(p.source) for p in read})
    )


def show_plan(division: Division, gaps: LabelGaps | None, console: Console) -> None:
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


def _read(
    dataset: str | None, data_root: Path | None, output: Path, labels: Path | None
) -> list[Labels]:
    if labels is not None:
        return [read_csv_labels(labels)]
    if dataset == "logo":
        return [read_logo_labels(find_logo(data_root, output)[1])]
    kinds = APPARATUS if dataset == "rg" else (None,)
    score = "total" if dataset == "rg" else "pcs"
    found = []
    for apparatus in kinds:
        folder = find_layout(dataset, apparatus, data_root, output)[1]
        found.append(read_text_labels(dataset, score, apparatus, folder))
    return found


def _matching(label: str, ids: set[str]) -> str:
    """A label may be written as a path: the id that it stands for, where there is one."""
    written = PurePath(label)
    candidates = (label, written.with_suffix("").as_posix(), written.stem)
    return next((name for name in candidates if name in ids), label)
