"""The figures of finished runs: one row each, means and deviations, as files for other tools."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aqa.errors import AqaError
from aqa.experiments.evaluation import Evaluation, bootstrap_interval
from aqa.experiments.runs import RunResult
from aqa.storage import write_atomically, write_json

METRICS = ("spearman", "relative_l2", "kendall", "mean_absolute_error")


def figures(evaluation: Evaluation) -> dict[str, float]:
    return {name: getattr(evaluation, name) for name in METRICS}


def per_video(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    rows = zip(evaluation.ids, evaluation.predicted, evaluation.true, strict=True)
    return (dict(zip(("id", "predicted", "true"), row, strict=True)) for row in rows)


def _row(result: RunResult) -> dict[str, Any]:
    return {
        "fold": result.fold,
        "seed": result.seed,
        "videos": len(result.evaluation.ids),
        **figures(result.evaluation),
        "epochs": result.epochs,
        "chosen_on": result.chosen_on,
    }


@dataclass(frozen=True)
class Table:
    """One row a run, and per metric the mean and its deviation over folds and over seeds."""

    rows: tuple[dict[str, Any], ...]
    mean: dict[str, float]
    std_over_folds: dict[str, float]  # of the means over seeds; nan for one fold
    std_over_seeds: dict[str, float]  # of the means over folds; nan for one seed
    spearman_interval: tuple[float, float]  # 95 %, bootstrap over the videos of each fold
    chosen_on: str
    predictions: tuple[dict[str, Any], ...]  # out of fold, one a video and run

    def save(self, folder: str | Path) -> None:
        content = {
            "runs": list(self.rows),
            "mean": self.mean,
            "std_over_folds": self.std_over_folds,
            "std_over_seeds": self.std_over_seeds,
            "spearman_interval": list(self.spearman_interval),
            "chosen_on": self.chosen_on,
        }
        save_results(Path(folder), content, self.rows, self.predictions)


def save_results(
    folder: Path,
    content: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    predictions: Sequence[dict[str, Any]],
) -> None:
    """results.json (all but predictions), results.csv (the rows) and predictions.csv."""
    write_json(folder / "results.json", content)
    _write_csv(folder / "results.csv", rows)
    _write_csv(folder / "predictions.csv", predictions)


def summarise(results: Sequence[RunResult]) -> Table:
    if not results:
        raise AqaError("no finished runs to summarise")
    rows = tuple(_row(result) for result in results)
    return Table(
        rows=rows,
        mean={name: float(np.mean([row[name] for row in rows])) for name in METRICS},
        std_over_folds={name: _deviation(rows, "fold", name) for name in METRICS},
        std_over_seeds={name: _deviation(rows, "seed", name) for name in METRICS},
        spearman_interval=_interval(results),
        chosen_on=", ".join(sorted({row["chosen_on"] for row in rows})),
        predictions=tuple(
            {"fold": r.fold, "seed": r.seed, **entry, "chosen_on": r.chosen_on}
            for r in results
            for entry in per_video(r.evaluation)
        ),
    )


def _interval(results: Sequence[RunResult]) -> tuple[float, float]:
    folds: dict[str, list[Evaluation]] = {}
    for result in results:
        folds.setdefault(result.fold, []).append(result.evaluation)
    return bootstrap_interval([([e.predicted for e in f], f[0].true) for f in folds.values()])


def _deviation(rows: Sequence[dict[str, Any]], over: str, name: str) -> float:
    """Sample standard deviation over the values of ``over``, of the means within each."""
    groups = sorted({row[over] for row in rows})
    means = [np.mean([row[name] for row in rows if row[over] == group]) for group in groups]
    return float(np.std(means, ddof=1)) if len(means) > 1 else float("nan")


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _no_formula(value) for name, value in row.items()} for row in rows)
    write_atomically(
        path, lambda file: file.write(text.getvalue().encode(errors="backslashreplace"))
    )


def _no_formula(value: Any) -> Any:
    """A name that a spreadsheet would run as a formula gets a leading apostrophe."""
    formula = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if formula else value
