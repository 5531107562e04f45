"""Scored routines and agreement with labels, on the terminal and as JSON for other tools."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqa import FeatureOrigin
from aqa.checkpoints.shipped import shipped_models
from aqa.models.calibration import Calibration
from pipeline.errors import Failure
from pipeline.reports.page import moments
from pipeline.scoring.agreement import ENSEMBLE, Agreement
from pipeline.scoring.scorer import Result
from pipeline.workspace.console import Console, counted

FEW_VIDEOS = 10
FIGURES = ("Spearman", "R-l2 x100", "Kendall", "MAE (pts)")
MODEL_SUBJECTS = {
    "fisv-tes": "figure skating, technical element score (0 to 43)",
    "fisv-pcs": "figure skating, program component score (0 to 43)",
}


def print_json(results: Sequence[Result], failures: Sequence[Failure]) -> None:
    """``{"results": [...]}``: scored routines, then ``{"video", "error"}`` for each failure."""
    document = [result.to_dict() for result in results]
    document += [{"video": failure.name, "error": failure.reason} for failure in failures]
    json.dump({"results": document}, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def show_result(result: Result, console: Console) -> None:
    """The score, then the moments that won and lost most against the routine's own average."""
    low, high = result.score_range
    sure = ""
    if result.interval:
        sure = f", 90 % between {result.interval[0]:.2f} and {result.interval[1]:.2f}"
    console.result(
        f"{Path(result.video).name}: {result.score_name} {result.score:.2f}{sure} "
        f"(scale {low:.4g} to {high:.4g})"
    )
    for remark in result.remarks:
        console.note(f"  {remark}")
    if not result.clips[0].aligned:
        console.note("  this model weighs queries, not clips: it does not say where")
        return
    rows = [
        (kind, row["when"], row["score"], row["weight"], row["gain"])
        for kind, best in (("won", True), ("lost", False))
        for row in moments(result, best=best)
    ]
    if not console.quiet:
        console.table("points won and lost", ["", "when", "clip score", "weight", "points"], rows)


def print_agreement(agreement: Agreement, as_json: bool, console: Console) -> None:
    """Each checkpoint's figures and their ensemble's; as JSON with every video's scores too."""
    whole = agreement.ensemble
    if as_json:
        document = agreement.to_dict() | {
            "ids": whole.ids,
            "predicted": whole.predicted,
            "true": whole.true,
        }
        for entry, member in zip(document["members"], agreement.members, strict=True):
            entry["predicted"] = member.evaluation.predicted
        json.dump(finite(document), sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
        return
    bounds = ("spearman_low", "spearman_high")
    names = [*short_names([member.checkpoint for member in agreement.members]), ENSEMBLE]
    rows = [
        (name, *figure_cells(row), interval_cell(*(row[bound] for bound in bounds)))
        for name, row in zip(names, agreement.rows, strict=False)  # of one there is no ensemble
    ]
    if len(agreement.members) > 1:
        spreads = agreement.over_members().items()
        rows[-1:-1] = [(name, *figure_cells(values), "") for name, values in spreads]
    title = (
        f"{agreement.name}, {agreement.score}: {counted(len(whole.ids), 'video')}, "
        f"epoch kept: {agreement.chosen_on}"
    )
    console.table(title, ["checkpoint", *FIGURES, "95 % bootstrap"], rows)
    sure = (whole.spearman, whole.spearman_interval)
    show_spearman(*sure, agreement.chosen_on, len(whole.ids), console)


def short_names(paths: Sequence[str]) -> list[str]:
    """Checkpoints without the folder and the file name that all of them share, for a narrow column.

    ``r/fold-0/model.pt``, ``r/fold-1/model.pt`` -> ``fold-0``, ``fold-1``.
    """
    if len(paths) < 2:
        return list(paths)
    files = [Path(path).absolute() for path in paths]
    if len({file.name for file in files}) == 1:
        files = [file.parent for file in files]
    shared = os.path.commonpath([file.parent for file in files])
    return [str(file.relative_to(shared)) for file in files]


def figure_cells(values: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """One cell for each of FIGURES."""
    return (
        f"{values['spearman']:.3f}",
        f"{100 * values['relative_l2']:.2f}",
        f"{values['kendall']:.3f}",
        f"{values['mean_absolute_error']:.2f}",
    )


def interval_cell(low: float, high: float) -> str:
    return f"{low:.3f} to {high:.3f}" if math.isfinite(low) else ""


def show_spearman(
    spearman: float, interval: tuple[float, float], chosen_on: str, fewest: int, console: Console
) -> None:
    """The one line to take away, and a warning where ``fewest`` videos can tell nothing."""
    sure = interval_cell(*interval)
    sure = f" (95 % bootstrap over videos: {sure})" if sure else ""
    console.result(f"Spearman {spearman:.3f}{sure}, epoch kept: {chosen_on}")
    if fewest < FEW_VIDEOS:
        few = f"{counted(fewest, 'video')} {'is' if fewest == 1 else 'are'} too few"
        console.warn(f"{few} to tell anything from a correlation")


def print_models(as_json: bool, console: Console) -> None:
    """The shipped models: features, held-out agreement, interval, model card."""
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
        json.dump({"models": document}, sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
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


def finite(value: Any) -> Any:
    """The same document with null for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
