"""Several trainings of one experiment: folds and seeds, and how well what they give agrees with
the judges."""

from aqa.experiments.evaluation import Evaluation, evaluate, evaluate_each
from aqa.experiments.folds import make_folds
from aqa.experiments.runs import (
    WHOLE,
    Run,
    RunResult,
    attach_calibration,
    finished_result,
    on_score,
    plan,
    run,
)
from aqa.experiments.table import METRICS, Table, figures, per_video, save_results, summarise

__all__ = [
    "METRICS",
    "WHOLE",
    "Evaluation",
    "Run",
    "RunResult",
    "Table",
    "attach_calibration",
    "evaluate",
    "evaluate_each",
    "figures",
    "finished_result",
    "make_folds",
    "on_score",
    "per_video",
    "plan",
    "run",
    "save_results",
    "summarise",
]
