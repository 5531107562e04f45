"""One scored routine: what other tools read as JSON, when its clips were, what won and lost most.

Nothing here knows how features come about: a result is of any features of a video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aqa.data import FeatureOrigin
from extractors.errors import ExtractorError
from extractors.protocols import Protocol, get_protocol
from pipeline.workspace import clock

MOMENTS = 3


@dataclass(frozen=True)
class ClipAssessment:
    """One clip, or one query of the published model (``aligned`` false): its span and its share.

    ``score`` in the data set's units; ``weight`` x ``score`` summed over the clips is the score.
    ``start_s`` and ``end_s`` are None where the features carry no times.
    """

    start_s: float | None
    end_s: float | None
    score: float
    weight: float
    aligned: bool


@dataclass(frozen=True)
class Result:
    """One scored routine; :meth:`to_dict` is the JSON that other tools read."""

    video: str
    score: float
    score_name: str
    score_range: tuple[float, float]
    clips: tuple[ClipAssessment, ...]
    checkpoint: str
    features: FeatureOrigin | None
    interval: tuple[float, float] | None = None  # of 90 %
    doubts: tuple[str, ...] = ()  # what sets the video apart from the training videos
    origin_assumed: bool = False  # nothing says where the features come from
    left_out: str = ""  # which clips the model did not look at
    footage: tuple[str, ...] = ()  # what is to be said of the video that was read

    @property
    def remarks(self) -> list[str]:
        """What a reader must know beside the score."""
        low, high = self.score_range
        remarks = []
        if not low <= self.score <= high:
            remarks.append(f"The score lies outside the training scale of {low:.4g} to {high:.4g}.")
        if self.features and self.features.weights.startswith("random"):
            remarks.append(
                "The backbone has random weights: this shows that the pipeline runs, "
                "not how good the routine was."
            )
        if self.origin_assumed:
            remarks.append(f"Nothing says how these features were made; assumed: {self.features}.")
        if self.left_out:
            remarks.append(self.left_out)
        remarks += [f"{line[:1].upper()}{line[1:]}." for line in self.footage]
        remarks += self.doubts
        if self.interval is None:
            remarks.append("No interval: the checkpoint carries no calibration.")
        return remarks

    @property
    def gains(self) -> np.ndarray:
        """Points that each clip adds to or takes from the routine's own average; they sum to 0."""
        return np.array([clip.weight * (clip.score - self.score) for clip in self.clips])

    def to_dict(self) -> dict[str, Any]:
        return {
            "video": self.video,
            "score": self.score,
            "score_name": self.score_name,
            "interval": list(self.interval) if self.interval else None,
            "remarks": self.remarks,
            "clips": [vars(clip) for clip in self.clips],
            "checkpoint": self.checkpoint,
            "features": self.features.to_dict() if self.features else None,
        }


@dataclass(frozen=True)
class Moment:
    """One clip in words, for a table."""

    when: str
    score: str
    weight: str
    gain: str


def moment(result: Result, index: int) -> Moment:
    clip = result.clips[index]
    return Moment(
        when=when(clip.start_s, clip.end_s, index),
        score=f"{clip.score:.2f}",
        weight=f"{100 * clip.weight:.1f} %",
        gain=f"{result.gains[index]:+.3f}",
    )


def moments(result: Result, *, best: bool, count: int = MOMENTS) -> list[Moment]:
    """The clips that won (or lost) most against the routine's own average, strongest first."""
    gains = result.gains
    order = np.argsort(-gains if best else gains, kind="stable")[:count]
    return [moment(result, i) for i in order if (gains[i] > 0) == best and gains[i] != 0]


def when(start_s: float | None, end_s: float | None, index: int) -> str:
    """``1:05.3-1:06.6``, or the clip's number where the features carry no times."""
    if start_s is None:
        return f"clip {index + 1}"
    return f"{clock(start_s, tenths=True)}-{clock(end_s, tenths=True)}"


Times = list[float] | list[None]


def clip_times(
    clips: int, origin: FeatureOrigin | None, record: dict[str, Any] | None
) -> tuple[Times, Times]:
    """Start and end of each clip in seconds; None where neither record nor protocol says.

    Published features carry no times. Where their protocol takes consecutive frames at a known
    rate it gives them, up to the remainder that it drops from the start (less than one clip).
    """
    if record and len(record.get("clip_start_s", ())) == clips:
        return record["clip_start_s"], record["clip_end_s"]
    protocol = _known_protocol(origin)
    if protocol is None or protocol.sampling != "contiguous" or protocol.fps == "native":
        return [None] * clips, [None] * clips
    edges = [index * protocol.clip_frames / protocol.fps for index in range(clips + 1)]
    return edges[:-1], edges[1:]


def equal_windows(starts: Times, ends: Times, count: int) -> tuple[Times, Times]:
    """``count`` equal windows over the span of these clips, for weights that belong to no clip."""
    if starts[0] is None:
        return [None] * count, [None] * count
    edges = np.linspace(starts[0], ends[-1], count + 1).tolist()
    return edges[:-1], edges[1:]


def _known_protocol(origin: FeatureOrigin | None) -> Protocol | None:
    try:
        return get_protocol(origin.protocol) if origin else None
    except ExtractorError:  # declared by a config, unknown to this version
        return None
