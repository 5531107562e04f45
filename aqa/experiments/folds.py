"""Which videos are held out together: by number, or as a CSV says."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aqa.data import Example
from aqa.errors import AqaError, listing


def make_folds(
    examples: Sequence[Example], folds: int | str | Path
) -> dict[str, tuple[list[Example], list[Example]]]:
    """Fold name -> (training, held-out) examples; ``folds`` is a number or a CSV of id,fold.

    A number deals the videos out by their score, so that folds are alike, without a random draw.
    """
    if isinstance(folds, int):
        if not 2 <= folds <= len(examples):
            raise AqaError(
                f"{folds} folds of {len(examples)} videos: expected at least 2, at most one a video"
            )
        ranked = sorted(examples, key=lambda example: (example.score, example.id))
        fold_of = {example.id: str(rank % folds) for rank, example in enumerate(ranked)}
    else:
        fold_of = _read_folds(Path(folds))
        missing = [example.id for example in examples if example.id not in fold_of]
        if missing:
            raise AqaError(f"{folds} gives no fold for {listing(missing)}")
    names = sorted({fold_of[example.id] for example in examples})
    if len(names) < 2:
        raise AqaError(
            f"{folds}: all videos are in fold {', '.join(names)}, none is left to train on"
        )
    return {
        name: (
            [example for example in examples if fold_of[example.id] != name],
            [example for example in examples if fold_of[example.id] == name],
        )
        for name in names
    }


def _read_folds(path: Path) -> dict[str, str]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [(row["id"].strip(), row["fold"].strip()) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AqaError(f"{path} cannot be read as CSV: {error}") from error
    except (KeyError, AttributeError):
        raise AqaError(f"{path}: expected the columns id,fold") from None
    twice = [video_id for video_id, count in Counter(name for name, _ in rows).items() if count > 1]
    if twice:
        raise AqaError(f"{path} names videos twice: {listing(twice)}")
    # They name folders.
    odd = sorted({fold for _, fold in rows if not re.fullmatch(r"\w[\w.-]*", fold)})
    if odd:
        raise AqaError(f"{path}: fold {odd[0]!r} is no name of letters, digits, '-', '.' and '_'")
    return dict(rows)
