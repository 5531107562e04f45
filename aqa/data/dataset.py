"""Labels joined with feature files, checked as a whole before any work starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from aqa.data.config import DatasetConfig, FeaturesConfig
from aqa.data.features import FeatureFolder, FeatureOrigin, read_features
from aqa.data.grid import Grid
from aqa.data.kind import Wanted
from aqa.data.labels import Label, Labels, join_scores
from aqa.data.matching import Matching, match_ids, near
from aqa.errors import AqaError, listing
from aqa.storage import Place, as_place, read_json

_NEAR_NAMES = 10  # more are not looked for: listings show fewer


class DataConfig(Protocol):
    """What of an experiment's config says which data."""

    @property
    def name(self) -> str: ...

    @property
    def dataset(self) -> DatasetConfig: ...

    @property
    def features(self) -> FeaturesConfig | None: ...


@dataclass(frozen=True)
class Example:
    id: str
    score: float  # in score units
    features_path: Place
    all_scores: tuple[float, ...] = ()  # in the order of the data set's; empty: score alone
    record_path: Place | None = None  # of its extraction; None: the features have no gap

    def __post_init__(self) -> None:
        object.__setattr__(self, "all_scores", self.all_scores or (self.score,))
        if self.score not in self.all_scores:
            raise ValueError(f"{self.id}: score {self.score} is none of {self.all_scores}")

    def read(self, channels: int | None = None) -> tuple[np.ndarray, Grid | None]:
        """Its features float32 [T, C], as ``read_features`` does, and which clips they are of."""
        features, path = read_features(self.features_path, channels), self.record_path
        record = read_json(path) if path is not None and path.exists() else None
        return features, Grid.of_record(record, len(features), str(self.features_path))


@dataclass(frozen=True)
class AqaDataset:
    name: str
    score_name: str
    score_range: tuple[float, float]  # in score units; the network works in [0, 1] of it
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    origin: FeatureOrigin | None = None
    notes: tuple[str, ...] = ()  # lines for the user
    all_scores: tuple[str, ...] = ()  # names, learned together; empty: score_name alone

    def __post_init__(self) -> None:
        object.__setattr__(self, "all_scores", self.all_scores or (self.score_name,))

    def split(self, name: str) -> tuple[Example, ...]:
        if name not in ("train", "test"):
            raise AqaError(f"split {name!r}: there are train and test")
        examples = self.train if name == "train" else self.test
        if not examples:
            raise AqaError(f"{self.name} has no {name} videos")
        return examples

    def with_split(self, train: Iterable[Example], test: Iterable[Example]) -> AqaDataset:
        return replace(self, train=tuple(train), test=tuple(test))


def load_dataset(
    config: DataConfig,
    data_root: str | Path | None = None,
    *,
    features: str | Place | None = None,
    labels: str | Path | None = None,
) -> AqaDataset:
    """Read labels and find feature files as the config says; ``features``, ``labels`` win over it.

    The features may lie on another file system: ``features="s3://bucket/folder"``.
    Every labelled video without features, split entry without label, video given twice and score
    out of range is named in one AqaError.
    """
    dataset = config.dataset
    root = Path(data_root) if data_root is not None else Path()
    features_folder = as_place(features) if features else _below(root, dataset.features)
    labels_path = Path(labels) if labels else _below(root, dataset.labels)
    for path in (features_folder, labels_path):
        if path is not None and not path.exists():
            raise AqaError(f"{path}: no such file or folder")
    wanted = Wanted(root, dataset.apparatus, features_folder, labels_path)
    features_folder, labels_path = dataset.known.find(wanted)
    found = read_labels(dataset, labels_path)
    folder = FeatureFolder(features_folder)
    there = set(folder.ids())
    matching = match_ids([label.video_id for label in (*found.train, *found.test)], there)
    train, test = (_named(part, matching) for part in (found.train, found.test))
    given_range = dataset.score_range or dataset.known.score_range
    _check(folder, matching, train + test, given_range, found.source)
    of_ours = folder.origin() is not None
    origin, notes = _origin(config, folder)
    notes += matching.notes
    unused = there - {label.video_id for label in train + test}
    if unused:
        notes.append(f"{len(unused)} feature files in {folder.folder} have no label and are unused")
    if not test:
        notes.append(f"{found.source} names no test videos: everything is training data")

    def example(label: Label) -> Example:
        return Example(
            label.video_id,
            float(label.score or 0.0),
            folder.path(label.video_id),
            tuple(float(score or 0.0) for score in label.all_scores),
            folder.record_path(label.video_id) if of_ours else None,
        )

    return AqaDataset(
        name=f"{dataset.kind}-{dataset.apparatus.lower()}" if dataset.apparatus else dataset.kind,
        score_name=dataset.score_name,
        score_range=given_range or _range_of(train or test),
        train=tuple(map(example, train)),
        test=tuple(map(example, test)),
        origin=origin,
        notes=tuple(notes),
        all_scores=dataset.all_scores,
    )


def read_labels(dataset: DatasetConfig, labels: Path) -> Labels:
    """The labels at a path, of the score that is asked for and of those learned with it."""
    names = dataset.all_scores or (dataset.score_name,)
    read = [dataset.known.read(labels, name, dataset.apparatus) for name in names]
    return join_scores(read, names.index(dataset.score_name)) if dataset.all_scores else read[0]


def _below(root: Path, path: Path | None) -> Path | None:
    return None if path is None else root / path.expanduser()


def _named(labels: list[Label], matching: Matching) -> list[Label]:
    """Labels under the ids of their feature files; as written where there is none."""
    return [
        replace(label, video_id=matching.ids.get(label.video_id, label.video_id))
        for label in labels
    ]


def _range_of(labels: list[Label]) -> tuple[float, float]:
    scores = [label.score for label in labels if label.score is not None]
    return min(scores), max(scores)


def _check(
    folder: FeatureFolder,
    matching: Matching,
    labels: list[Label],
    score_range: tuple[float, float] | None,
    source: Path,
) -> None:
    if not labels:
        raise AqaError(f"{source}: no labelled videos")
    low, high = score_range or (float("-inf"), float("inf"))
    twice = [name for name, count in Counter(la.video_id for la in labels).items() if count > 1]
    unlabelled = [label.video_id for label in labels if label.score is None]
    known, several = set(matching.ids.values()), matching.several
    missing = _with_near(
        [la.video_id for la in labels if la.video_id not in known | several.keys()], folder
    )
    doubtful = [f"{name} ({' or '.join(others)})" for name, others in several.items()]
    outside = [
        f"{label.video_id} ({score:g})"
        for label in labels
        for score in label.all_scores or (label.score,)
        if score is not None and not low <= score <= high
    ]
    problems = [
        f"{len(items)} {'video' if len(items) == 1 else 'videos'} {what}: {listing(items)}"
        for what, items in (
            (
                f"without a feature file in {folder.folder} (extract it, or take its label out)",
                list(dict.fromkeys(missing)),
            ),
            ("that two would match: rename them, or write the ids", doubtful),
            ("without a score", unlabelled),
            ("given twice", twice),
            (f"with a score outside {low:g} to {high:g}", outside),
        )
        if items
    ]
    if problems:
        raise AqaError(f"{source}: {'; '.join(problems)}")


def _with_near(missing: list[str], folder: FeatureFolder) -> list[str]:
    """Each with the name that is there and looks like it: ``run00 (there is run00_rgb)``."""
    there = folder.ids() if missing else []
    alike = {name: near(name, there) for name in missing[:_NEAR_NAMES]}
    return [f"{name} (there is {alike[name]})" if alike.get(name) else name for name in missing]


def _origin(config: DataConfig, folder: FeatureFolder) -> tuple[FeatureOrigin | None, list[str]]:
    origin = folder.origin()
    if origin is not None:
        return origin, []
    if config.features is None:
        return None, [f"the features in {folder.folder} have no provenance: any origin is accepted"]
    origin = FeatureOrigin(**config.features.model_dump())
    return origin, [
        f"the features in {folder.folder} have no provenance: "
        f"config {config.name} declares {origin}"
    ]
