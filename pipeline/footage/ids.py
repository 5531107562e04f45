"""One id for each video, whatever their names have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from aqa.data import FeatureFolder
from pipeline.errors import Failure
from pipeline.footage.videos import Video


@dataclass(frozen=True)
class ToldApart:
    """``videos`` with an id each; ``failures`` of those that cannot be told apart."""

    videos: list[Video] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def told_apart(videos: Sequence[Video], kept: FeatureFolder | None = None) -> ToldApart:
    """Files that differ in their ending alone keep it in their ids: ``a.mov`` beside ``a.mp4``.

    Where the folder ``kept`` has features of one of them as ``a``, that one stays ``a``. Others of
    one id are failures, all of them; the rest go on.
    """
    videos = list({(video.id, str(video.path)): video for video in videos}.values())  # given twice
    same: dict[str, list[Video]] = defaultdict(list)
    for video in videos:
        same[video.id].append(video)
    taken, told, renamed = set(same), ToldApart(), []
    ids: dict[int, str] = {}
    for name, group in same.items():
        if len(group) == 1:
            continue
        by_ending = [_with_ending(video) for video in group]
        free = len(set(by_ending)) == len(group) and not taken.intersection(by_ending)
        if None in by_ending or not free:
            told.failures.extend(_failures(name, group))
            ids |= {id(video): "" for video in group}
            continue
        stays = _known(name, group, kept)
        ids |= {
            id(video): name if video is stays else ending
            for video, ending in zip(group, by_ending, strict=True)
        }
        renamed.append(" and ".join(ids[id(video)] for video in group))
    told.videos.extend(replace(v, id=ids.get(id(v), v.id)) for v in videos if ids.get(id(v), v.id))
    if renamed:
        more = f" and {len(renamed) - _SHOWN} more pairs" if len(renamed) > _SHOWN else ""
        told.notes.append(
            "files that differ in their ending alone keep it in their ids: "
            f"{', '.join(renamed[:_SHOWN])}{more}"
        )
    return told


_SHOWN = 3


def _with_ending(video: Video) -> str | None:
    """The id with the file's ending; None for one that was given an id, and for a folder."""
    name = PurePosixPath(str(video.path)).name
    own = PurePosixPath(name)
    if PurePosixPath(video.id).name != own.stem or not own.suffix:
        return None
    return str(PurePosixPath(video.id).with_name(name))


def _known(name: str, group: Sequence[Video], kept: FeatureFolder | None) -> Video | None:
    """The one whose features lie there under this id already."""
    if kept is None or not kept.exists(name):
        return None
    recorded = ((kept.record(name) or {}).get("source") or {}).get("path")
    places = {_place(video): video for video in group}
    return places.get(recorded)


def _place(video: Video) -> str:
    return str(video.path.absolute()) if isinstance(video.path, Path) else str(video.path)


def _failures(name: str, group: Sequence[Video]) -> list[Failure]:
    def others(video: Video) -> str:
        return ", ".join(str(other.path) for other in group if other is not video)

    return [
        Failure(
            str(video.path),
            f"{video.path}: would be saved as {name!r}, as {others(video)} would: rename one, give "
            "them ids in a list, or extract them to different --output folders",
            str(video.path),
        )
        for video in group
    ]
