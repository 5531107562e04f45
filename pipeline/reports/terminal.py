"""Scored routines and shipped models, on the terminal and as JSON for other tools."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aqa.data import FeatureOrigin
from aqa.models import Calibration
from aqa.storage import strict
from pipeline.errors import Failure
from pipeline.scoring import Result, moments
from pipeline.workspace import Console

MODEL_SUBJECTS = {
    "fisv-tes": "figure skating, technical element score (0 to 43)",
    "fisv-pcs": "figure skating, program component score (0 to 43)",
}


def print_document(document: Any) -> None:
    """One JSON document on standard output; nan is null."""
    json.dump(strict(document), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def print_json(results: Sequence[Result], failures: Sequence[Failure]) -> None:
    """``{"results": [...]}``: scored routines, then ``{"video", "error"}`` for each failure."""
    document = [result.to_dict() for result in results]
    document += [{"video": failure.name, "error": failure.reason} for failure in failures]
    print_document({"results": document})


def show_result(result: Result, console: Console) -> None:
    """The score, then the moments that won and lost most against the routine's own average."""
    low, high = result.score_range
    sure = ""
    if result.interval:
        sure = f", 90 % between {result.interval[0]:.2f} and {result.interval[1]:.2f}"
    if result.judged is not None:
        sure += f", judges {result.judged:.2f}"
    console.result(
        f"{Path(result.video).name}: {result.score_name} {result.score:.2f}{sure} "
        f"(scale {low:.4g} to {high:.4g})"
    )
    for remark in result.remarks:
        console.note(f"  {remark}")
    if result.explained:
        show_start(result, console)
    elif not result.clips[0].aligned:
        console.note(
            "  this model weighs queries, not clips: it cannot say where points were won or lost"
        )
        return
    rows = [
        (kind, row.when, row.quarter, row.points, row.width, row.typical, row.above)
        for kind, best in (("won", True), ("lost", False))
        for row in moments(result, best=best)
    ]
    if not console.quiet:
        headings = ["", "when", "quarter", "points", "90 %", "typical", "above"]
        console.table("points won and lost", headings, rows)


def show_start(result: Result, console: Console) -> None:
    """Where the sum of the points begins, and what each part of the routine adds."""
    explained = result.explained
    mean = explained.baseline_above_mean
    against = ""
    if mean is not None:
        side = "above" if mean > 0 else "below"
        against = f" ({abs(mean):.2f} {side} the mean training score)"
    console.note(f"  from {explained.baseline:.2f}, the average routine's score{against}:")
    parts = ", ".join(f"{phase.name} {phase.points:+.2f}" for phase in explained.phases)
    console.note(f"  {parts}")


def print_models(as_json: bool, console: Console) -> None:
    """The shipped models: features, held-out agreement, interval, model card."""
    from aqa.checkpoints import shipped_models

    shipped = shipped_models().values()
    if as_json:
        document = [
            {
                "name": model.name,
                "score": model.score,
                "features": model.about["info"]["origin"],
                "training_videos": model.about["info"]["training_videos"],
                "held_out": model.about["info"]["extra"]["held_out"][model.score],
                "calibration": model.about["info"]["calibration"][model.score],
                "card": str(model.card),
            }
            for model in shipped
        ]
        print_document({"models": document})
        return
    for model in shipped:
        info = model.about["info"]
        held_out = info["extra"]["held_out"][model.score]
        calibration = Calibration.from_dict(info["calibration"][model.score])
        console.result(f"{model.name}: {MODEL_SUBJECTS.get(model.name, model.score)}")
        console.result(f"  features: {FeatureOrigin.from_dict(info['origin'])}")
        console.result(
            f"  held out: Spearman {held_out['spearman']:.3f} ({held_out['protocol']}); "
            f"90 % intervals of +- {calibration.half_width:.2f} points"
        )
        console.result(f"  card: {model.card}")
