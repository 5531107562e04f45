"""``aqa-pipeline extract --dry-run``: what would be done, what is there, what the labels lack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aqa.data import DATASETS, DatasetConfig, Labels, Wanted, match_ids, read_labels, read_table
from aqa.storage import Place
from extractors import DamagedVideoError, ExtractorError, open_clips
from pipeline.errors import Failure
from pipeline.extraction.folder import Division
from pipeline.extraction.stages import ExtractionSpec
from pipeline.footage import Video
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


@dataclass(frozen=True)
class Look:
    """What opening a video says: how many clips it will give, and what is to be said of it."""

    clips: int
    remarks: tuple[str, ...]


def look_at(division: Division, spec: ExtractionSpec, console: Console) -> dict[str, Look]:
    """Opens what is to do, by id; what cannot be opened becomes a failure of ``division``. What
    lies elsewhere is not fetched for this."""
    looks: dict[str, Look] = {}
    here = [video for video in division.todo if isinstance(video.path, Path)]
    if not here:
        return looks
    with console.progress("opening", len(here), "video") as progress:
        for video in here:
            try:
                with open_clips(
                    video.path,
                    spec.protocol,
                    stream=spec.stream,
                    start_s=spec.start_s,
                    end_s=spec.end_s,
                    frame_rate=video.frame_rate,
                    salvage=spec.salvage == "all",
                    stall_limit_s=spec.stall_limit_s,
                ) as stream:
                    looks[video.id] = Look(len(stream), tuple(stream.info.remarks))
            except DamagedVideoError as damage:
                if spec.salvage == "none":
                    division.failures.append(_failure(video, damage))
            except ExtractorError as error:
                division.failures.append(_failure(video, error))
            progress.advance()
    failed = {failure.name for failure in division.failures}
    division.todo[:] = [video for video in division.todo if video.id not in failed]
    return looks


def _failure(video: Video, error: ExtractorError) -> Failure:
    return Failure(video.id, str(error), str(video.path), ("opening it",))


def show_division(
    division: Division, looks: dict[str, Look], gaps: LabelGaps | None, console: Console
) -> None:
    """A line for every video and every gap, then the counts."""
    for video in division.todo:
        look = looks.get(video.id)
        clips = f", {counted(look.clips, 'clip')}" if look else ""
        console.result(f"to do: {video.id} ({video.path}){clips}")
        for line in look.remarks if look else ():
            console.result(f"  {line}")
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
    if looks:
        console.result(f"to do in all: {counted(sum(x.clips for x in looks.values()), 'clip')}")
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
