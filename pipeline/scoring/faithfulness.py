"""``aqa-pipeline evaluate --faithfulness``: whether what checkpoints say of clips is true."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aqa import ScoringModel, load_checkpoint
from aqa.faithfulness import Faithfulness, at_random, measure, of_model, rank_agreement
from pipeline.scoring.agreement import Labelled, on_labels
from pipeline.workspace import Console


@dataclass(frozen=True, eq=False)
class Truth:
    """``chance``: the same measures of random contributions. ``agreement`` of several checkpoints:
    mean rank correlation between the contributions of two of them; None of one."""

    name: str
    score: str
    members: tuple[tuple[str, Faithfulness], ...]
    chance: Faithfulness
    agreement: float | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "labels": self.name,
            "score": self.score,
            "checkpoints": [{"checkpoint": n, **found.to_dict()} for n, found in self.members],
            "chance": self.chance.to_dict(),
            "between_checkpoints": self.agreement,
        }


def measure_faithfulness(paths: Sequence[Path], labelled: Labelled, console: Console) -> Truth:
    """Each checkpoint on the labelled videos; the first one's beside chance."""
    models = [on_labels(load_checkpoint(path), path, labelled, console) for path in paths]
    videos, scores = [], [example.score for example in labelled.examples]
    for example in labelled.examples:
        features, grid = example.read(models[0].channels)
        videos.append(features if grid is None else grid.fill(features))
    members = []
    with console.progress("measure", len(models) + 1, "explanation") as ticker:

        def tell(what: str, number: int, of: int) -> None:
            ticker.update(f"{what}: routine {number} of {of}")

        for path, model in zip(paths, models, strict=True):
            members.append((str(path), measure(model, videos, scores, watch=tell)))
            ticker.advance(str(path))
        chance = measure(models[0], videos, scores, explain=at_random(0), watch=tell)
        ticker.advance("chance")
    return Truth(
        labelled.name, models[0].info.score_name, tuple(members), chance, _agreement(models, videos)
    )


def _agreement(models: Sequence[ScoringModel], videos: Sequence[np.ndarray]) -> float | None:
    if len(models) < 2:
        return None
    points = [[of_model(model)(each) for each in videos] for model in models]
    return float(np.mean([rank_agreement(*pair) for pair in itertools.combinations(points, 2)]))
