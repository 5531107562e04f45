"""Labels joined with feature files, checked as a whole before any work starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from aqa.config.experiment import DEFAULT_RANGES, DatasetConfig, ExperimentConfig
from aqa.data.features import FeatureFolder, FeatureOrigin
from aqa.data.labels import (
    Label,
    Labels,
    find_layout,
    find_logo,
    join_scores,
    read_csv_labels,
    read_logo_labels,
    read_text_labels,
)
from aqa.errors import AqaError, listing
from aqa.storage.places import Place, as_place


@dataclass(frozen=True)
class Example:
    id: str
    score: float  # in score units
    features_path: Place
    joint: tuple[float, ...] = ()  # all the scores that are learned together

    @property
    def scores(self) -> tuple[float, ...]:
        """In the order of the data set's ``all_scores``."""
        return self.joint or (self.score,)


@dataclass(frozen=True)
class AqaDataset:
    name: str
    score_name: str
    score_range: tuple[float, float]  # in score units; the network works in [0, 1] of it
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    origin: FeatureOrigin | None = None
    notes: tuple[str, ...] = ()  # lines for the user
    jointly: tuple[str, ...] = ()

    @property
    def all_scores(self) -> tuple[str, ...]:
        """The names of the scores that are learned together; at the least ``score_name``."""
        return self.jointly or (self.score_name,)

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
    config: ExperimentConfig,
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
    features_folder, found = _locate(dataset, root, features_folder, labels_path)
    folder = FeatureFolder(features_folder)
    there = set(folder.ids())
    train, test = ([_normal(label, there) for label in part] for part in (found.train, found.test))
    given_range = dataset.score_range or DEFAULT_RANGES.get(dataset.kind)
    _check(folder, there, train + test, given_range, found.source)
    origin, notes = _origin(config, folder)
    unused = there - {label.video_id for label in train + test}
    if unused:
        notes.append(f"{len(unused)} feature files in {folder.folder} have no label and are unused")
    if not test:
        notes.append(f"{found.source} names no test videos: everything is training data")

    def examples(part: list[Label]) -> tuple[Example, ...]:
        return tuple(
            Example(label.video_id, float(label.score or 0.0), folder.path(label.video_id), joint)
            for label in part
            for joint in [tuple(float(score or 0.0) for score in label.joint)]
        )

    return AqaDataset(
        name=f"{dataset.kind}-{dataset.apparatus.lower()}" if dataset.apparatus else dataset.kind,
        score_name=dataset.score_name,
        score_range=given_range or _range_of(train or test),
        train=examples(train),
        test=examples(test),
        origin=origin,
        notes=tuple(notes),
        jointly=dataset.jointly,
    )


def _below(root: Path, path: Path | None) -> Path | None:
    return None if path is None else root / path.expanduser()


def _locate(
    dataset: DatasetConfig, root: Path, features: Place | None, labels: Path | None
) -> tuple[Place, Labels]:
    if dataset.kind == "csv":
        if features is None or labels is None:
            raise AqaError("own data needs a labels file (id,score[,split]) and a features folder")
        return features, read_csv_labels(labels)
    if dataset.kind == "logo":
        features, folder = find_logo(root, features, labels)
        return features, read_logo_labels(folder)
    features, folder = find_layout(dataset.kind, dataset.apparatus, root, features, labels)
    names = dataset.jointly or (dataset.score_name,)
    read = [read_text_labels(dataset.kind, name, dataset.apparatus, folder) for name in names]
    return features, join_scores(read, names.index(dataset.score_name))


def _normal(label: Label, there: set[str]) -> Label:
    """An id may be written as the path of a video or of a feature file: reduce it to the id."""
    written = PurePath(label.video_id)
    for candidate in (label.video_id, written.with_suffix("").as_posix(), written.stem):
        if candidate in there:
            return replace(label, video_id=candidate)
    return label


def _range_of(labels: list[Label]) -> tuple[float, float]:
    scores = [label.score for label in labels if label.score is not None]
    return min(scores), max(scores)


def _check(
    folder: FeatureFolder,
    there: set[str],
    labels: list[Label],
    score_range: tuple[float, float] | None,
    source: Path,
) -> None:
    if not labels:
        raise AqaError(f"{source}: no labelled videos")
    low, high = score_range or (float("-inf"), float("inf"))
    twice = [name for name, count in Counter(la.video_id for la in labels).items() if count > 1]
    unlabelled = [label.video_id for label in labels if label.score is None]
    missing = [label.video_id for label in labels if label.video_id not in there]
    outside = [
        f"{label.video_id} ({score:g})"
        for label in labels
        for score in label.joint or (label.score,)
        if score is not None and not low <= score <= high
    ]
    problems = [
        f"{len(items)} {'video' if len(items) == 1 else 'videos'} {what}: {listing(items)}"
        for what, items in (
            (f"without a feature file in {folder.folder}", list(dict.fromkeys(missing))),
            ("without a score", unlabelled),
            ("given twice", twice),
            (f"with a score outside {low:g} to {high:g}", outside),
        )
        if items
    ]
    if problems:
        raise AqaError(f"{source}: {'; '.join(problems)}")


def _origin(
    config: ExperimentConfig, folder: FeatureFolder
) -> tuple[FeatureOrigin | None, list[str]]:
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
