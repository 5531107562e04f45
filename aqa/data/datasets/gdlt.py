"""The layout that Fis-V and RG share: the tree published with GDLT (CVPR 2022).

Both data sets are published with the same folder name, so a folder counts only if the files in it
are named as that data set's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aqa.data.kind import Wanted
from aqa.data.labels import Label, Labels, beside, first_folder, label_lines
from aqa.errors import AqaError
from aqa.storage import Place

PROTOCOL = "contiguous32"
_FEATURE_FOLDERS = ("swintx_avg_fps25_clip32", "RG", "rg", "fis-v", "Fis-V", "fisv", "FisV", "")
_BASES = ("GDLT_data", "RG", "rg", "fis-v", "Fis-V", "fisv", "FisV", "")


@dataclass(frozen=True)
class Names:
    """How the files of one of the two are called."""

    dataset: str
    pattern: str  # of the stem of a feature file
    example: str  # of one, for messages
    folder: str  # where it may lie, for messages
    header: bool  # whether train.txt begins with a line of titles


def find(wanted: Wanted, names: Names) -> tuple[Place, Path]:
    """Features folder and labels folder below the data root. What is given is taken as it is."""
    bases = [wanted.data_root / base for base in _BASES]
    folders = [base / name for base in bases for name in _FEATURE_FOLDERS]
    features, labels = wanted.features, wanted.labels
    if features is None:
        pattern = re.compile(names.pattern)
        features = first_folder(folders, lambda folder: _holds_features(folder, pattern))
        if features is None:
            raise AqaError(
                f"no {names.dataset} features such as {names.example}.npy "
                f"below {wanted.data_root}: expected in GDLT_data/swintx_avg_fps25_clip32 or "
                f"{names.folder}; extract them or name their folder"
            )
    if labels is None:
        candidates = [*beside(features), *folders, *bases]
        labels = first_folder(candidates, lambda folder: _holds_labels(folder, names.header))
        if labels is None:
            raise AqaError(
                f"no {names.dataset} labels (train.txt) in {features} or below {wanted.data_root}"
            )
    return features, labels


def read_split(labels: Path, read: Callable[[Path], list[Label]]) -> Labels:
    """train.txt and, where it is there, test.txt; ``labels`` is their folder or train.txt."""
    folder = labels if labels.is_dir() else labels.parent
    train = folder / "train.txt" if labels.is_dir() else labels
    test = folder / "test.txt"
    has_test = test.is_file() and test != train
    return Labels(read(train), read(test) if has_test else [], folder)


def _holds_features(folder: Path, pattern: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(path.stem) for path in folder.glob("*.npy"))


def _holds_labels(folder: Path, header: bool) -> bool:
    path = folder / "train.txt"
    if not path.is_file():
        return False
    _, words = next(label_lines(path), (0, [""]))
    return (words[0] == "Video_Name") == header
