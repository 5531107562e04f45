"""The data sets that there are."""

from __future__ import annotations

from aqa.data.datasets import BUILT_IN
from aqa.data.kind import DatasetKind
from aqa.registers import Register

DATASETS: Register[DatasetKind] = Register("data set", BUILT_IN)


def register(dataset: DatasetKind) -> None:
    """Adds a data set: configs may then name it, and every command works on it."""
    DATASETS.add(dataset)
