"""Where the parts of a published data set lie: labels, features, footage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aqa.data import DatasetKind, FeatureFolder, Labels, Wanted
from aqa.errors import AqaError
from pipeline.errors import UsageError
from pipeline.footage import Video, raw_dataset

# Stands for a part that is not looked for.
_ELSEWHERE = Path("/nonexistent/aqa")


@dataclass(frozen=True)
class Parts:
    """What there is of one data set, or of one apparatus of it. A part that is not there is empty
    and has a line in ``missing``.

    labels    by score, as they are read.
    features  files by id; footage: videos or frame folders by id.
    """

    dataset: DatasetKind
    apparatus: str | None
    labels: Mapping[str, Labels] = field(default_factory=dict)
    labels_at: Path | None = None
    features: Mapping[str, Path] = field(default_factory=dict)
    features_at: Path | None = None
    footage: Mapping[str, Video] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.dataset.name} {self.apparatus}" if self.apparatus else self.dataset.name

    @property
    def labelled(self) -> list[str]:
        """Ids, those of the training split first."""
        found = next(iter(self.labels.values()), None)
        return [] if found is None else [label.video_id for label in (*found.train, *found.test)]


def find_parts(
    dataset: DatasetKind, root: Path, apparatus: str | None = None, raw: Path | None = None
) -> Parts:
    """Looks, and reads the labels. ``raw``: where the footage lies below the root, if elsewhere."""
    missing: dict[str, str] = {}
    labels: dict[str, Labels] = {}
    ours = re.compile((dataset.published.ids if dataset.published else ".*").format(
        apparatus=apparatus))  # fmt: skip
    labels_at = features_at = None
    try:
        _, labels_at = dataset.find(Wanted(root, apparatus, features=_ELSEWHERE))
        labels = {
            score: dataset.read(labels_at, score, apparatus)
            for score in dataset.scores or (dataset.usual_score,)
        }
    except AqaError as error:
        missing["labels"] = str(error)
    features: dict[str, Path] = {}
    try:
        features_at, _ = dataset.find(Wanted(root, apparatus, labels=_ELSEWHERE))
        folder = FeatureFolder(features_at)
        features = {name: folder.path(name) for name in folder.ids() if ours.fullmatch(name)}
    except AqaError as error:
        missing["features"] = str(error)
    footage: dict[str, Video] = {}
    if dataset.raw is not None:
        try:
            videos = raw_dataset(dataset.name, root, raw)
            footage = {video.id: video for video in videos if ours.fullmatch(video.id)}
        except UsageError as error:
            missing["footage"] = str(error)
    return Parts(
        dataset, apparatus, labels, labels_at, features, features_at, footage, missing
    )  # fmt: skip


def every_part(dataset: DatasetKind, root: Path, raw: Path | None = None) -> list[Parts]:
    """One for each apparatus, one for a data set without."""
    return [find_parts(dataset, root, apparatus, raw) for apparatus in dataset.apparatus or (None,)]
