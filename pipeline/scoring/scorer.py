"""``aqa-pipeline score``: a routine's video, or its features, to a score and its reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aqa import AqaError, ScoringModel, check_origin, load_checkpoint
from aqa.checkpoints.shipped import shipped_models
from aqa.data.features import FeatureFolder, FeatureOrigin, read_features
from extractors import ExtractorError, Protocol, get_protocol
from pipeline.errors import Failure, UsageError, one_line
from pipeline.extraction.job import feature_origin, library_versions, make_spec
from pipeline.extraction.runs.in_process import extract_rows
from pipeline.extraction.stages.spec import Assembly, ExtractionSpec, FeatureExtractor
from pipeline.footage.stamps import content_digest, source_stamp
from pipeline.footage.videos import Video
from pipeline.workspace.console import Console, counted
from pipeline.workspace.run_folder import RunFolder

FEATURE_SUFFIX = ".npy"
# Beyond these a video is called unlike the training videos.
CLIP_COUNT_MARGIN = 0.2
STRANGE = 1.2


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
    strange: tuple[str, ...] = ()  # what sets the video apart from the training videos
    origin_assumed: bool = False  # nothing says where the features come from

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
            remarks.append(f"Nothing says what these features are of; taken: {self.features}.")
        remarks += self.strange
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


class Scorer:
    """A checkpoint, and the backbone that its features need (built when the first video comes)."""

    def __init__(
        self,
        checkpoint: Path,
        *,
        device: str,
        cache: Path,
        backbone: str | dict[str, Any] | None = None,
        weights: str | None = None,
        console: Console | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.model = load_checkpoint(checkpoint)
        self._device = device
        self._backbone, self._weights = backbone, weights
        self._cache = cache
        self._console = console or Console(quiet=True)
        self._spec: ExtractionSpec | None = None
        self._origin: FeatureOrigin | None = None
        self._extractor: FeatureExtractor | None = None

    def prepare(self, inputs: Sequence[Video], start_s: float | None, end_s: float | None) -> None:
        """Refuses, before any work, options and a backbone that cannot score these inputs."""
        videos = [item for item in inputs if item.path.suffix != FEATURE_SUFFIX]
        if (start_s, end_s) != (None, None) and len(videos) < len(inputs):
            raise UsageError("--start and --end choose a part of a video: feature files have none")
        if (start_s or 0) < 0 or (end_s is not None and end_s <= (start_s or 0)):
            raise UsageError(
                f"--start {start_s} --end {end_s}: expected 0 <= start < end, in seconds"
            )
        if videos:
            self._video_spec()

    def score_features(self, path: Path) -> Result:
        """Scores a feature file; its folder's provenance, where it has one, must match."""
        features = read_features(path, self.model.channels)
        folder, video_id = _feature_folder(path)
        origin = folder.origin()
        if origin is not None:
            check_origin(self.model.info, origin, str(path))
        record = folder.record(video_id) if origin else None
        trained = self.model.info.origin
        result = self._assess(str(path), features, origin or trained, record)
        return replace(result, origin_assumed=origin is None and trained is not None)

    def score_video(self, item: Video, start_s: float | None, end_s: float | None) -> Result:
        """Scores a video or frame folder, from ``start_s`` to ``end_s`` (seconds) where given."""
        path = item.path
        spec = replace(self._video_spec(), start_s=start_s, end_s=end_s)
        origin = self._origin
        folder = FeatureFolder(self._cache / _fingerprint(origin, start_s, end_s))
        # Two files of one name are two videos: the cache knows each by where it lies.
        place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
        video = replace(item, id=f"{path.resolve().stem}-{place}")
        reason = folder.reason_to_redo(
            video.id,
            origin,
            source_stamp(path),
            digest=lambda: content_digest(path),
            frame_rate=video.frame_rate,
        )
        if reason is None:
            self._console.note(f"{path}: features taken from {folder.folder}")
        else:
            features, record = self._extract(video, spec)
            folder.write_origin(origin, library_versions() | {"device": spec.device})
            folder.save(video.id, features, origin, record)
        features = read_features(folder.path(video.id), self.model.channels)
        return self._assess(str(path), features, origin, folder.record(video.id))

    def _video_spec(self) -> ExtractionSpec:
        """The extraction that the checkpoint was trained on; built and checked once."""
        if self._spec is None:
            trained = self.model.info.origin
            if trained is None:
                raise UsageError(
                    f"{self.checkpoint} does not know which features it was trained on: "
                    "extract them and score the .npy files"
                )
            weights = self._weights or trained.weights
            if weights.startswith("file:"):
                raise UsageError(
                    f"{self.checkpoint} was trained on features of weights {weights}: "
                    "give that file with --weights PATH"
                )
            spec = make_spec(
                architecture=self._backbone or trained.backbone,
                weights=weights,
                protocol=trained.protocol,
                device=self._device,
            )
            self._origin = feature_origin(spec)
            check_origin(self.model.info, self._origin, "features of the given backbone")
            self._extractor = FeatureExtractor(spec)
            self._spec = spec
        return self._spec

    def _extract(self, video: Video, spec: ExtractionSpec) -> tuple[np.ndarray, dict[str, Any]]:
        assembly = Assembly()
        with self._console.progress(video.path.name, 0, "clip") as progress:
            for row in extract_rows(video, spec, self._extractor):
                progress.total = int(row["total"])
                progress.advance(by=int(row["valid"]))
                finished = assembly.add(row)
                if finished is not None and finished.error:
                    raise ExtractorError(finished.error)
        return finished.features, finished.record

    def _assess(
        self,
        name: str,
        features: np.ndarray,
        origin: FeatureOrigin | None,
        record: dict[str, Any] | None,
    ) -> Result:
        assessment = self.model.assess(features)
        starts, ends = clip_times(len(features), origin, record)
        if not assessment.aligned:
            starts, ends = equal_windows(starts, ends, len(assessment.clip_weights))
        clips = tuple(
            ClipAssessment(start, end, float(score), float(weight), assessment.aligned)
            for start, end, score, weight in zip(
                starts, ends, assessment.clip_scores, assessment.clip_weights, strict=True
            )
        )
        info = self.model.info
        return Result(
            video=name,
            score=float(assessment.score),
            score_name=info.score_name,
            score_range=tuple(info.score_range),
            clips=clips,
            checkpoint=str(self.checkpoint),
            features=origin,
            interval=self.model.interval(assessment.score),
            strange=tuple(strange_points(self.model, features)),
        )


def strange_points(model: ScoringModel, features: np.ndarray) -> list[str]:
    """What sets clip features [T, C] apart from those that the model was trained on."""
    points = []
    known = model.info.clip_counts
    if known and not known[0] * (1 - CLIP_COUNT_MARGIN) <= len(features) <= known[1] * (
        1 + CLIP_COUNT_MARGIN
    ):
        points.append(
            f"The video has {counted(len(features), 'clip')}, the training videos had "
            f"{known[0]} to {known[1]}: the score is a guess."
        )
    times = model.strangeness(features)
    if times > STRANGE:
        points.append(
            f"What it shows is {times:.1f} times as far from the average training video as the "
            "furthest of them: the score is a guess."
        )
    return points


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


def _known_protocol(origin: FeatureOrigin | None) -> Protocol | None:
    try:
        return get_protocol(origin.protocol) if origin else None
    except ExtractorError:  # declared by a config, unknown to this version
        return None


def equal_windows(starts: Times, ends: Times, count: int) -> tuple[Times, Times]:
    """``count`` equal windows over the span of the clips, for weights that belong to no clip."""
    if starts[0] is None:
        return [None] * count, [None] * count
    edges = np.linspace(starts[0], ends[-1], count + 1).tolist()
    return edges[:-1], edges[1:]


def score_all(
    scorer: Scorer,
    inputs: list[Video],
    *,
    start_s: float | None = None,
    end_s: float | None = None,
) -> tuple[list[Result], list[Failure]]:
    """Every input scored or named with its reason; one that fails never stops the others."""
    results: list[Result] = []
    failures: list[Failure] = []
    for item in inputs:
        try:
            if item.path.suffix == FEATURE_SUFFIX:
                results.append(scorer.score_features(item.path))
            else:
                results.append(scorer.score_video(item, start_s, end_s))
        except (AqaError, ExtractorError, OSError) as error:
            failures.append(Failure(str(item.path), one_line(error)))
    return results, failures


def pick_checkpoint(option: Path | None, runs: RunFolder, console: Console) -> Path:
    """``--checkpoint``, a file or a shipped model's name; else the one that was trained last here,
    and says which."""
    shipped = ", ".join(shipped_models())
    if option is not None:
        if not option.is_file() and str(option) not in shipped_models():
            raise UsageError(f"--checkpoint {option}: no such file; shipped models are {shipped}")
        return option
    last = runs.last_training()
    if last is None:
        raise UsageError(
            f"nothing trained yet in {runs.root}: run `aqa-pipeline train` first, or give "
            f"--checkpoint with a file or a shipped model ({shipped})"
        )
    if not Path(last.checkpoint).is_file():
        raise UsageError(f"the last trained checkpoint {last.checkpoint} is gone: train again")
    console.note(f"checkpoint: {last.checkpoint} ({last.config}, trained last, {last.finished})")
    return Path(last.checkpoint)


def _feature_folder(path: Path) -> tuple[FeatureFolder, str]:
    """The feature folder of a file, which may be several levels up, and its id there."""
    path = path.resolve()
    for parent in path.parents:
        if (parent / "provenance.json").is_file():
            return FeatureFolder(parent), path.relative_to(parent).with_suffix("").as_posix()
    return FeatureFolder(path.parent), path.stem


def _fingerprint(origin: FeatureOrigin, start_s: float | None, end_s: float | None) -> str:
    text = f"{origin.to_dict()} {start_s} {end_s}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
