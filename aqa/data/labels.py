"""Labels as they are read, and what the readers of label files share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aqa.errors import AqaError
from aqa.storage import Place


@dataclass(frozen=True)
class Label:
    """One line of a label file. ``score`` is None where a video stands without one."""

    video_id: str
    score: float | None
    all_scores: tuple[float | None, ...] = ()  # that are learned together, this one among them


@dataclass(frozen=True)
class Labels:
    train: list[Label]
    test: list[Label]
    source: Path  # folder or file


def label_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, its words) of every line that is not empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AqaError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.split()


def to_score(text: str, where: str) -> float:
    """A finite number; AqaError that begins with ``where``."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AqaError(f"{where}: {text!r} is no score")
    return value


def score_in(path: Path, line: int, words: list[str], index: int) -> float:
    """The score in column ``index`` (from 0) of a line."""
    if len(words) <= index:
        raise AqaError(f"{path} line {line}: {len(words)} columns, the score is number {index + 1}")
    return to_score(words[index], f"{path} line {line}")


def join_scores(read: Sequence[Labels], chosen: int) -> Labels:
    """The same label files read for several scores -> one, with all of them and a chosen one."""

    def join(parts: list[list[Label]]) -> list[Label]:
        return [
            replace(lines[chosen], all_scores=tuple(line.score for line in lines))
            for lines in zip(*parts, strict=True)
        ]

    return Labels(join([r.train for r in read]), join([r.test for r in read]), read[0].source)


def first_folder(folders: Sequence[Path], accept: Callable[[Path], bool]) -> Path | None:
    """The first of them that is there and holds what is wanted."""
    return next((folder for folder in folders if folder.is_dir() and accept(folder)), None)


def beside(features: Place) -> list[Path]:
    """Where labels may lie with features; those of features elsewhere are below the data root."""
    return [features, features.parent] if isinstance(features, Path) else []
