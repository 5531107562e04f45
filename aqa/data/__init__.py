"""Data sets: which there are, their labels, their feature files, and both joined."""

import lazy_loader

from aqa.data.config import DatasetConfig, FeaturesConfig
from aqa.data.dataset import AqaDataset, Example, load_dataset, read_labels
from aqa.data.datasets import read_dates, read_scores, read_table, table_columns
from aqa.data.features import FeatureFolder, FeatureOrigin, npy_header, read_features
from aqa.data.grid import Grid
from aqa.data.kind import OWN_SCORE, DatasetKind, Published, RawLayout, Wanted
from aqa.data.labels import Label, Labels
from aqa.data.matching import Matching, match_ids
from aqa.data.registry import DATASETS, register

# It needs torch.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__, submod_attrs={"videos": ["Videos", "require_readable"]}
)
__all__ = [
    "DATASETS",
    "OWN_SCORE",
    "AqaDataset",
    "DatasetConfig",
    "DatasetKind",
    "Example",
    "FeatureFolder",
    "FeatureOrigin",
    "FeaturesConfig",
    "Grid",
    "Label",
    "Labels",
    "Matching",
    "Published",
    "RawLayout",
    "Videos",
    "Wanted",
    "load_dataset",
    "match_ids",
    "npy_header",
    "read_dates",
    "read_features",
    "read_labels",
    "read_scores",
    "read_table",
    "register",
    "require_readable",
    "table_columns",
]
