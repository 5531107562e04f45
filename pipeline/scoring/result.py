"""One scored routine: what other tools read as JSON, when its clips were, what won and lost most.

Nothing here knows how features come about: a result is of any features of a video.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
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
class Contribution:
    """What one clip adds to the score against the average routine, in points.

    ``low`` to ``high`` holds what another model of the kind would say, nine times of ten; ``sure``
    where that leaves out 0. None where the checkpoint cannot say.
    """

    start_s: float | None
    end_s: float | None
    points: float
    low: float | None = None
    high: float | None = None
    sure: bool | None = None


@dataclass(frozen=True)
class Phase:
    """The points of all clips whose middle lies in a part of a routine: a quarter, or one that the
    experiment's config names."""

    name: str
    start_s: float | None
    end_s: float | None
    points: float


@dataclass(frozen=True)
class Explained:
    """A score from where it starts: ``contributions``, one per clip of the video, add up to it from
    ``baseline``, the score of the average routine.

    baseline_above_mean  by how much that is above the mean of the training scores.
    percentiles          of each clip's points among the training routines' there, 0 to 100.
    typical              the points that half of the training routines have there.
    """

    baseline: float
    contributions: tuple[Contribution, ...]
    phases: tuple[Phase, ...]
    baseline_above_mean: float | None = None
    percentiles: tuple[float, ...] | None = None
    typical: tuple[float, ...] | None = None


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
    explained: Explained | None = None  # None: the checkpoint knows no average routine
    judged: float | None = None  # the judges' score, where it is known
    training_scores: tuple[float, ...] | None = None  # their quantiles, from the least to the most
    fps: float | None = None  # of the footage, where it is known
    versions: Mapping[str, str] | None = None  # of what made the features
    pair_width: float | None = None  # half of what holds 90 % of the errors of a difference

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
        if self.explained is None:
            remarks.append(
                "No contributions: the checkpoint is of an earlier version and knows no average "
                "routine."
            )
        elif self.explained.contributions[0].sure is None:
            remarks.append("How sure each contribution is, the checkpoint does not say.")
        return remarks

    @cached_property
    def parts(self) -> tuple[Contribution, ...]:
        """What each clip contributes; of a checkpoint that cannot say, what it adds to or takes
        from the routine's own average."""
        if self.explained is not None:
            return self.explained.contributions
        return tuple(
            Contribution(clip.start_s, clip.end_s, clip.weight * (clip.score - self.score))
            for clip in self.clips
        )

    @cached_property
    def gains(self) -> np.ndarray:
        """The points of ``parts``."""
        return np.array([part.points for part in self.parts])

    @cached_property
    def margins(self) -> np.ndarray:
        """By how much each clip's points are above what is typical there: what is won and lost."""
        known = self.explained is not None and self.explained.typical is not None
        return self.gains - np.array(self.explained.typical) if known else self.gains

    @cached_property
    def stands_out(self) -> list[bool | None]:
        """Whether each clip is further from what is typical than another model might be; None where
        the checkpoint cannot say."""
        return [
            None if part.high is None else bool(abs(margin) > part.high - part.points)
            for part, margin in zip(self.parts, self.margins, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "video": self.video,
            "score": self.score,
            "score_name": self.score_name,
            "interval": list(self.interval) if self.interval else None,
            "remarks": self.remarks,
            "clips": [vars(clip) for clip in self.clips],
            "baseline": self.explained.baseline if self.explained else None,
            "baseline_above_mean": self.explained.baseline_above_mean if self.explained else None,
            "contributions": [vars(c) for c in self.explained.contributions]
            if self.explained
            else [],
            "phases": [vars(phase) for phase in self.explained.phases] if self.explained else [],
            "checkpoint": self.checkpoint,
            "features": self.features.to_dict() if self.features else None,
        }


@dataclass(frozen=True)
class Moment:
    """One clip in words, for a table; empty where the checkpoint cannot say."""

    when: str
    quarter: str  # of the routine
    points: str
    width: str  # within which another model of the kind is, nine times of ten
    typical: str  # points of the training routines there
    above: str  # how many of them
    sure: str


QUARTERS = ("first quarter", "second quarter", "third quarter", "last quarter")


def moment(result: Result, index: int) -> Moment:
    part, explained = result.parts[index], result.explained
    compared = explained is not None and explained.typical is not None
    return Moment(
        when=when(part.start_s, part.end_s, index),
        quarter=QUARTERS[index * len(QUARTERS) // len(result.parts)].removesuffix(" quarter"),
        points=f"{part.points:+.3f}",
        width="" if part.high is None else f"+-{part.high - part.points:.2f}",
        typical=f"{explained.typical[index]:+.3f}" if compared else "",
        above=f"{explained.percentiles[index]:.0f} %" if compared else "",
        sure={None: "", True: "sure", False: "within noise"}[result.stands_out[index]],
    )


def moments(result: Result, *, best: bool, count: int = MOMENTS) -> list[Moment]:
    """Those of :func:`moment_clips` in words."""
    return [moment(result, index) for index in moment_clips(result, best=best, count=count)]


def moment_clips(result: Result, *, best: bool, count: int = MOMENTS) -> list[int]:
    """The clips that won (or lost) most against what is typical there, strongest first; none that
    is within noise."""
    margins = result.margins
    order = np.argsort(-margins if best else margins, kind="stable")
    named = [int(i) for i in order if (margins[i] > 0) == best and margins[i] != 0]
    stands_out = result.stands_out
    return [i for i in named if stands_out[i] is not False][:count]


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
