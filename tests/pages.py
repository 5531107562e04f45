"""Report pages of results that were made up, with everything that can be said of a routine."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import Failure
from pipeline.reports import write_report
from pipeline.scoring.result import ClipAssessment, Contribution, Explained, Phase, Result

ASSETS = files("pipeline.reports") / "assets"
TEXTS = json.loads((ASSETS / "texts.json").read_text("utf-8"))


def routine(video: str, *, clips: int = 140, name: str = "tes", seed: int = 0) -> Result:
    """As a model with everything that there is to say about it gives it."""
    random = np.random.default_rng(seed)
    points, typical = random.normal(0.05, 0.1, clips), np.full(clips, 0.05)
    starts, scores = 1.28 * np.arange(clips), random.normal(30, 3, clips)
    widths = np.full(clips, 0.05)
    quarters = [float(part.sum()) for part in np.array_split(points, 4)]
    names = ("first quarter", "second quarter", "third quarter", "last quarter")
    return Result(
        video=video,
        score=20 + float(points.sum()),
        score_name=name,
        score_range=(0.0, 43.0),
        clips=tuple(
            ClipAssessment(float(s), float(s) + 1.28, float(score), 1 / clips, True)
            for s, score in zip(starts, scores, strict=True)
        ),
        checkpoint="model.pt",
        features=None,
        interval=(15.0, 35.0),
        explained=Explained(
            baseline=20.0,
            contributions=tuple(
                Contribution(
                    float(s), float(s) + 1.28, float(p), float(p - w), float(p + w), abs(p) > w
                )
                for s, p, w in zip(starts, points, widths, strict=True)
            ),
            phases=tuple(Phase(n, None, None, q) for n, q in zip(names, quarters, strict=True)),
            baseline_above_mean=-8.0,
            percentiles=tuple(random.uniform(0, 100, clips).tolist()),
            typical=tuple(typical.tolist()),
        ),
        training_scores=tuple(np.linspace(10, 40, 21).tolist()),
        pair_width=5.0,
    )


def written(path: Path, results: list[Result], *failures: Failure) -> str:
    write_report(path, results, failures, "aqa-pipeline score a.mp4")
    return path.read_text()


def embedded(text: str, name: str) -> Any:
    (found,) = re.findall(rf'<script id="{name}" type="application/json">(.*?)</script>', text)
    return json.loads(found)
