"""``aqa-pipeline data``: what there is of each data set, what is missing, what it allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aqa.data import DATASETS, npy_header
from aqa.errors import listing
from pipeline.datasets.parts import Parts, every_part
from pipeline.footage import content_digest
from pipeline.workspace import counted


@dataclass(frozen=True)
class Row:
    """One part of one data set. ``expected``: as it was published; None: nothing says."""

    dataset: str
    part: str
    found: int
    expected: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """One data set, or one apparatus of it; ``allows``: the commands that these parts are for."""

    name: str
    rows: tuple[Row, ...]
    allows: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "dataset": self.name,
            "parts": [
                {"part": row.part, "found": row.found, "expected": row.expected,
                 "notes": list(row.notes)}
                for row in self.rows
            ],
            "allows": list(self.allows),
        }  # fmt: skip


def take_stock(root: Path, raw: Mapping[str, Path]) -> list[State]:
    """Of every published data set below the data root, in the order of the register."""
    return [
        state_of(parts)
        for dataset in DATASETS
        if dataset.published is not None
        for parts in every_part(dataset, root, raw.get(dataset.name))
    ]


def state_of(parts: Parts) -> State:
    published, labelled = parts.dataset.published, parts.labelled
    splits = next(iter(parts.labels.values()), None)
    train, test = (len(splits.train), len(splits.test)) if splits else (0, 0)
    features, footage = parts.features, parts.footage

    def row(part: str, found: int, expected: int, *notes: str) -> Row:
        missing = parts.missing.get("labels" if part == "splits" else part)
        return Row(parts.name, part, found, expected, (missing,) if missing else
                   tuple(note for note in notes if note))  # fmt: skip

    unreadable = {name: why for name, path in features.items() if (why := _unreadable(path))}
    rows = (
        row("labels", len(labelled), published.videos,
            f"scores: {', '.join(parts.labels)}" if parts.labels else "", *_scoreless(parts)),
        row("splits", train + test, published.videos, f"{train} train, {test} test",
            "" if (train, test) == (published.train, published.test) else
            f"published: {published.train} train, {published.test} test"),
        row("features", len(features), published.videos,
            _gap("without label", features, labelled), _gap("missing", labelled, features),
            f"cannot be read: {listing([f'{n} ({w})' for n, w in unreadable.items()], 3)}"
            if unreadable else "", *_twins(features)),
        row("footage", len(footage), published.videos,
            _gap("without label", footage, labelled), _gap("missing", labelled, footage),
            *_twins({name: video.path for name, video in footage.items()})),
    )  # fmt: skip
    return State(parts.name, rows, tuple(_allows(parts)))


def _allows(parts: Parts) -> Iterable[str]:
    labelled = set(parts.labelled)
    if parts.footage:
        yield f"extract --dataset {parts.dataset.name}"
    if labelled and labelled <= parts.features.keys():
        tested = any(labels.test for labels in parts.labels.values())
        configs = [
            name
            for name in parts.dataset.configs
            if parts.apparatus is None or name.endswith(parts.apparatus.lower())
        ]
        yield f"train{' and evaluate' if tested else ''} --config {' or '.join(configs)}"
    elif labelled and labelled <= parts.footage.keys():
        yield "train, once its features are extracted"


def _gap(what: str, there: Iterable[str], other: Iterable[str]) -> str:
    found = sorted(set(there) - set(other)) if other else []
    return f"{len(found)} {what}: {listing(found, 5)}" if found else ""


def _scoreless(parts: Parts) -> Iterable[str]:
    for score, labels in parts.labels.items():
        without = [each.video_id for each in (*labels.train, *labels.test) if each.score is None]
        if without:
            yield f"no {score} of {counted(len(without), 'video')}: {listing(without, 5)}"


def _unreadable(path: Path) -> str:
    """By its beginning: the numbers themselves are for ``data check``."""
    try:
        with path.open("rb") as file:
            shape, _ = npy_header(file)
    except Exception as error:  # a damaged header raises nearly anything
        return (str(error) or type(error).__name__).splitlines()[0]
    return "" if len(shape) == 2 else f"shape {list(shape)}"


def _twins(paths: Mapping[str, Path]) -> Iterable[str]:
    """Ids whose files are the same, by size and the parts that a digest takes."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for name, path in paths.items():
        if path.is_file():
            by_size[path.stat().st_size].append(name)
    same: dict[str, list[str]] = defaultdict(list)
    for names in by_size.values():
        for name in names if len(names) > 1 else ():
            same[content_digest(paths[name]) or name].append(name)
    found = [" = ".join(names) for names in same.values() if len(names) > 1]
    if found:
        yield f"the same content: {listing(found, 3)}"
