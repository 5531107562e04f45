"""What of an extraction is there already, and what is to be done."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from aqa import AqaError
from aqa.data import FeatureFolder, FeatureOrigin
from pipeline.errors import Failure
from pipeline.footage import Video, content_digest, source_stamp
from pipeline.workspace import counted, now


@dataclass(frozen=True)
class Division:
    """Videos to do, ids that are complete, and those whose file is of something else.

    overwriting  the name of the extraction that replaces what is here, where one does.
    notes        what people should know of it, a line each.
    moved        a new record for complete ones whose source was moved or touched, by id.
    """

    todo: list[Video] = field(default_factory=list)
    complete: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    overwriting: str | None = None
    notes: list[str] = field(default_factory=list)
    moved: dict[str, dict[str, Any]] = field(default_factory=dict)


def divide(
    videos: Sequence[Video], folder: FeatureFolder, origin: FeatureOrigin, overwrite: bool = False
) -> Division:
    """What of ``videos`` is to do. A file of something else is only replaced where ``overwrite``
    says so, one that is damaged always.

    An overwriting extraction does again all that it has not written itself. One that was broken off
    goes on, if there is anything left of it to do.
    """
    if not overwrite:
        return _divided(videos, folder, origin, None)
    earlier = folder.overwriting()
    if earlier and folder.origin() == origin:
        division = _divided(videos, folder, origin, earlier)
        if division.todo:
            note = f"going on with the overwriting extraction of {earlier[:19]}"
            division.notes.insert(0, note)
            return division
    return _divided(videos, folder, origin, f"{now()} {uuid.uuid4().hex}")


def _divided(
    videos: Sequence[Video],
    folder: FeatureFolder,
    origin: FeatureOrigin,
    overwriting: str | None,
) -> Division:
    division = Division(overwriting=overwriting)
    present = set(folder.ids())
    for video in videos:
        if video.id not in present:
            division.todo.append(video)
            continue
        try:
            source, digest = source_stamp(video.path), cache(partial(content_digest, video.path))
            stale = folder.reason_to_redo(
                video.id, origin, source, digest=digest, frame_rate=video.frame_rate
            )
            moved = None if stale else folder.moved(video.id, source, digest)
            by_another = overwriting is not None and (
                stale is not None or folder.record(video.id).get("overwriting") != overwriting
            )
        except (AqaError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            failure = Failure(video.id, naming(str(video.path), reason), str(video.path))
            division.failures.append(failure)
            continue
        if by_another:
            division.todo.append(video)
        elif stale is None:
            division.complete.append(video.id)
            if moved:
                division.moved[video.id] = moved
        elif stale.damaged:
            division.todo.append(video)
            division.notes.append(f"{video.path}: its features are done again: {stale.reason}")
        else:
            reason = f"{video.path}: {stale.reason}; --overwrite computes it again"
            division.failures.append(Failure(video.id, reason, str(video.path)))
    return division


def note_moved(division: Division, folder: FeatureFolder) -> None:
    """Writes where the sources of complete features lie now."""
    for video_id, record in division.moved.items():
        folder.note(video_id, record)
    if moved := len(division.moved):
        were, their = ("was", "its") if moved == 1 else ("were", "their")
        division.notes.append(
            f"{counted(moved, 'video')} {were} moved or touched, not changed: {their} features "
            "are kept"
        )


def naming(place: str, problem: str) -> str:
    """``problem``, with the place that it is about."""
    return problem if place in problem else f"{place}: {problem}"
