"""``aqa-pipeline data where``: what publishers say, from one table in this folder."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

from pipeline.errors import UsageError


def where_of(dataset: str) -> dict[str, Any]:
    """``title`` and ``parts``; UsageError for a data set that the table does not have."""
    table = yaml.safe_load((files("pipeline.datasets") / "where.yaml").read_text("utf-8"))
    if dataset not in table:
        raise UsageError(f"data where {dataset}: expected {', '.join(table)}")
    return table[dataset]
