"""The clip features of an input: what every scoring starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aqa.data import FeatureFolder, FeatureOrigin, read_features
from pipeline.errors import UsageError

FEATURE_SUFFIX = ".npy"


@dataclass(frozen=True)
class Part:
    """What of a video is assessed, in seconds; None: from its beginning, to its end.

    stream  number of its video stream; None: the one that a person would watch.
    """

    start_s: float | None = None
    end_s: float | None = None
    stream: int | None = None

    def __post_init__(self) -> None:
        start_s = self.start_s or 0.0
        if start_s < 0 or (self.end_s is not None and self.end_s <= start_s):
            raise UsageError(
                f"--start {self.start_s} --end {self.end_s}: expected 0 <= start < end, in seconds"
            )


WHOLE_VIDEO = Part()


@dataclass(frozen=True)
class ClipFeatures:
    """``clips`` float32 [T, C] of one video, and what is known of them."""

    clips: np.ndarray
    origin: FeatureOrigin | None  # None: nothing says where they come from
    record: dict[str, Any] | None  # of their extraction, the clips' times among it


def stored_features(path: Path, channels: int) -> ClipFeatures:
    """Those of a feature file, with what its folder says of them."""
    clips = read_features(path, channels)
    folder, video_id = _feature_folder(path)
    origin = folder.origin()
    return ClipFeatures(clips, origin, folder.record(video_id) if origin else None)


def _feature_folder(path: Path) -> tuple[FeatureFolder, str]:
    """The feature folder of a file, which may be several levels up, and its id there."""
    path = path.resolve()
    for parent in path.parents:
        if (parent / "provenance.json").is_file():
            return FeatureFolder(parent), path.relative_to(parent).with_suffix("").as_posix()
    return FeatureFolder(path.parent), path.stem
