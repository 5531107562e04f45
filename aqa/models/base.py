"""What every model gives, and what it says about itself."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from aqa.data import OWN_SCORE, FeatureOrigin, Grid, Videos
from aqa.errors import AqaError
from aqa.models.average import AverageRoutine
from aqa.models.calibration import Calibration
from aqa.models.explanation import Explanation, adding_up, integrated_gradients
from aqa.models.parts import ScoreWeights

_QUARTERS = 4


@dataclass(frozen=True)
class ModelOutput:
    """What the network gives, in units of the score range (label / range). L layers, Q queries."""

    score: Tensor  # [B]
    clip_weights: Tensor  # [B, Q], sum 1; 0 for padding
    clip_scores: Tensor  # [B, Q]; sum of weight x score is the score
    decoded: Tensor  # [B, Q, d]
    attention_loss: Tensor  # scalar: summed over layers and batch
    self_attention_outputs: Tensor | None = None  # [L, B, Q, d]; None: no such layers, training
    cross_attention_outputs: Tensor | None = None  # [L, B, Q, d]


@dataclass(frozen=True)
class Assessment:
    """One video, in the data set's score units."""

    score: float
    clip_weights: np.ndarray  # float64 [Q]
    clip_scores: np.ndarray  # float64 [Q]
    aligned: bool  # True: entry q is clip q of the video; False: entry q is query q
    explanation: Explanation | None = None  # None: not asked for, or no average routine is known

    @property
    def baseline(self) -> float | None:
        """The score of the average routine at the video's length."""
        return self.explanation and self.explanation.baseline

    @property
    def contributions(self) -> np.ndarray | None:
        """Float64 [T], one per clip of the video: points that add up to score minus baseline."""
        return None if self.explanation is None else self.explanation.points

    @property
    def phases(self) -> np.ndarray | None:
        """Float64 [4]: the contributions of each quarter of the routine."""
        if self.explanation is None:
            return None
        quarter = (self.explanation.phases * _QUARTERS).astype(int)
        return np.bincount(quarter, self.explanation.points, _QUARTERS)


@dataclass(frozen=True)
class ModelInfo:
    """What a checkpoint says about its model, all of it plain data."""

    score_name: str = OWN_SCORE
    all_scores: tuple[str, ...] = ()  # in the order of its outputs; empty: score_name alone
    score_range: tuple[float, float] = (0.0, 1.0)
    dataset: str | None = None
    origin: FeatureOrigin | None = None
    config: dict[str, Any] | None = None  # the experiment's, as in its YAML
    seed: int | None = None
    epochs: int | None = None  # epochs that these weights have seen
    chosen_on: str | None = None  # how that number of epochs was chosen
    training_videos: int | None = None
    training_marks: dict[str, str] = field(default_factory=dict)  # by mark of its features: its id
    clip_counts: tuple[int, int] | None = None  # shortest and longest training video
    history: tuple[dict[str, float], ...] = ()  # one entry an epoch
    calibration: dict[str, Any] | None = None  # by score: aqa.models.calibration.Calibration
    certainty: dict[str, Any] | None = None  # by score: aqa.models.certainty.Certainty
    version: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "all_scores", self.all_scores or (self.score_name,))


def mark(features: np.ndarray | Tensor) -> str:
    """What tells the features [T, C] of one video from those of all others, in float16 too."""
    rounded = np.ascontiguousarray(np.asarray(features), np.float16)
    return hashlib.sha256(rounded.tobytes()).hexdigest()[:12]


class LossWeights(ScoreWeights, Protocol):
    """How much each loss of a training counts."""

    @property
    def attention_loss(self) -> float: ...


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread: for work so small that several only wait for each other, and so that
    no number depends on how many cores there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class ScoringModel(nn.Module, ABC):
    """What the rest of the project knows of a model: what it is, and how it assesses a video.

    Training calls ``remember`` and ``prepare`` once, then ``training_losses`` for every batch;
    scoring calls ``assess``, which calls ``weigh``.
    """

    aligned = True  # weight and score q belong to clip q of the video, not to a query
    additive = False  # weight x score of a clip is all that it does to the score of the video

    def __init__(self, config: BaseModel, channels: int, info: ModelInfo | None) -> None:
        super().__init__()
        self.config, self.channels = config, channels
        self.info = info or ModelInfo()
        self.register_buffer("familiar_mean", torch.zeros(channels))
        self.register_buffer("familiar_std", torch.ones(channels))
        self.register_buffer("familiar_distance", torch.tensor(float("inf")))
        self.average = AverageRoutine(channels)

    @torch.no_grad()
    def remember(self, videos: Sequence[Tensor]) -> None:
        """What features of the training videos [T, C] look like, to tell strange ones from them,
        and their average, which explanations start from."""
        self.average.fit(videos)
        means = torch.stack([clips.float().mean(0) for clips in videos])
        self.familiar_mean.copy_(means.mean(0))
        deviation = means.std(0, correction=0)
        self.familiar_std.copy_(deviation.clamp_min(1e-3 * deviation.mean().clamp_min(1e-6)))
        self.familiar_distance.copy_(torch.stack([self._distance(clips) for clips in videos]).max())

    def trained_on(self, features: np.ndarray | Tensor) -> str | None:
        """The id of the training video that has these features [T, C], if one has."""
        return self.info.training_marks.get(mark(features))

    def strangeness(self, features: np.ndarray | Tensor) -> float:
        """How far features [T, C] are from the training videos', as a multiple of the furthest of
        these; 0 where the model does not know them."""
        clips = torch.as_tensor(np.asarray(features), dtype=torch.float32)
        return float(self._distance(clips.to(self.familiar_mean.device)) / self.familiar_distance)

    def _distance(self, clips: Tensor) -> Tensor:
        """Root mean square over channels of the mean clip, in deviations between videos."""
        shift = (clips.float().mean(0) - self.familiar_mean) / self.familiar_std
        return shift.square().mean().sqrt()

    def interval(self, score: float) -> tuple[float, float] | None:
        """Of 90 %, in score units, around a score of this model; None without a calibration."""
        calibration = (self.info.calibration or {}).get(self.info.score_name)
        return Calibration.from_dict(calibration).interval(score) if calibration else None

    def for_score(self, name: str) -> ScoringModel:
        """The same model, giving another of the scores that it learned."""
        if name != self.info.score_name:
            raise AqaError(f"score {name!r}: this model has {self.info.score_name}")
        return self

    @torch.no_grad()
    def assess(
        self, features: np.ndarray | Tensor, grid: Grid | None = None, explain: bool = True
    ) -> Assessment:
        """One video's features [T, C] -> its score and what it is made of, in score units.

        grid     which clips of the whole video these are, where some are lost. What is seen of the
                 whole has stand-ins for those (``Grid.fill``), which have no weight and no score.
        explain  also what each clip contributes; takes two to fifty times as long.
        """
        clips = torch.as_tensor(np.asarray(features), dtype=torch.float32)
        if clips.ndim != 2 or not len(clips):
            raise AqaError(f"features have shape {list(clips.shape)}, expected [clips, channels]")
        if clips.shape[1] != self.channels:
            raise AqaError(
                f"features have shape {list(clips.shape)}, this model expects "
                f"[clips, {self.channels}]"
            )
        if not bool(torch.isfinite(clips).all()):
            raise AqaError("the features hold NaN or infinity")
        was_training = self.training
        self.eval()
        with one_thread():
            score, weights, scores = self._weighted(clips, grid)
            explanation = None
            if explain and self.average.known:
                explanation = self._explain(clips, grid, score, weights * scores)
        self.train(was_training)
        return Assessment(score, weights, scores, self.aligned, explanation)

    def score_of(self, features: np.ndarray | Tensor, grid: Grid | None = None) -> float:
        """The score alone, as :meth:`assess` gives it."""
        return self.assess(features, grid, explain=False).score

    def _weighted(self, clips: Tensor, grid: Grid | None) -> tuple[float, np.ndarray, np.ndarray]:
        """Score, weights and scores [Q], in score units."""
        whole = clips if grid is None else grid.filled(clips)
        weights, scores = (values.double().cpu().numpy() for values in self.weigh(whole))
        if grid is not None and self.aligned:
            weights, scores = weights[grid.positions], scores[grid.positions]
        low, high = self.info.score_range
        # Weights that add up exactly, whatever the rounding of the network's own softmax.
        weights = weights / weights.sum()
        scores = low + scores * (high - low)
        return float(weights @ scores), weights, scores

    def _explain(
        self, clips: Tensor, grid: Grid | None, score: float, parts: np.ndarray
    ) -> Explanation:
        """``parts`` [Q]: weight x score of each clip or query."""
        usual = self.average.at_length(len(clips) if grid is None else grid.clips).to(clips.device)
        usual = usual if grid is None else usual[grid.positions]
        baseline, *of_usual = self._weighted(usual, grid)
        low, high = self.info.score_range
        if self.additive:
            points = parts - of_usual[0] * of_usual[1]
        else:

            def scored(there: Tensor) -> Tensor:
                weights, scores = self.weigh(there if grid is None else grid.filled(there))
                return (weights * scores).sum() / weights.sum()

            points = integrated_gradients(scored, usual, clips) * (high - low)
        points, remainder = adding_up(points, score - baseline)
        places = np.arange(len(clips)) if grid is None else grid.positions
        phases = (places + 0.5) / (len(clips) if grid is None else grid.clips)
        return Explanation(baseline, points, phases, remainder, self._spread(clips, usual, grid))

    def _spread(self, clips: Tensor, usual: Tensor, grid: Grid | None) -> np.ndarray | None:
        """How far the members of a model disagree about each clip's points; None: it has none."""
        return None

    def assessed(self, clips: int) -> range:
        """Which of a video's clips, 0 to ``clips`` - 1, :meth:`assess` looks at: all of them."""
        return range(clips)

    @abstractmethod
    def weigh(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Clips float32 [T, C] -> weights and scores [Q], scores in units of the score range."""

    @abstractmethod
    def prepare(self, videos: Videos) -> Videos:
        """Solve what has a closed form on the training videos -> what the steps see of them."""

    @abstractmethod
    def training_losses(
        self, inputs: Tensor, lengths: Tensor, targets: Tensor, loss_weights: LossWeights
    ) -> dict[str, Tensor]:
        """Named losses of a batch, whose sum is minimised; empty where nothing is left to learn.

        Inputs [B, T, d] of the prepared videos, clips per video int [B], targets [B, S] in units of
        the score range.
        """
