"""The built-in data sets, a file each."""

from aqa.data.datasets import fisv, logo, own, rg
from aqa.data.datasets.own import read_dates, read_scores, read_table, table_columns

BUILT_IN = (logo.LOGO, fisv.FISV, rg.RG, own.OWN)

__all__ = ["BUILT_IN", "read_dates", "read_scores", "read_table", "table_columns"]
