"""A model as ONNX, for programs without torch: clip features of one video to its score.

Input ``clips`` float32 [T, C]; outputs ``score`` (in score units), ``weights`` and ``clip_scores``
[T], or [Q] of a model that weighs queries: weights x clip_scores add up to the score.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn

from aqa.errors import AqaError
from aqa.models import ScoringModel

LONGEST = 4096  # clips
OUTPUTS = ("score", "weights", "clip_scores")


def export_onnx(model: ScoringModel, path: Path) -> None:
    """AqaError where the kind has no such form, or the extra "onnx" is not installed."""
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise AqaError("ONNX needs onnxscript: pip install 'aqa-pipeline[onnx]'") from None
    kind = model.config.kind
    if kind not in _GRAPHS:
        raise AqaError(f"a model of kind {kind!r} has no ONNX form")
    graph = _GRAPHS[kind](model).eval()
    least, fixed = graph.clips
    example = torch.zeros(fixed or least + 16, model.channels)
    shapes = None if fixed else ({0: torch.export.Dim("clips", min=least, max=LONGEST)},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        program = torch.onnx.export(
            graph, (example,), dynamo=True, dynamic_shapes=shapes, input_names=["clips"],
            output_names=list(OUTPUTS), verbose=False,
        )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(path)


class _Graph(nn.Module, ABC):
    """``clips``: how many at least; how many exactly, or None."""

    clips: tuple[int, int | None] = (1, None)

    def __init__(self, model: ScoringModel) -> None:
        super().__init__()
        self.model = model
        self.low, high = model.info.score_range
        self.span = high - self.low

    @abstractmethod
    def weighed(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and scores of a video's clips [T, C], in units of the score range."""

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights, scores = self.weighed(clips)
        scores = self.low + self.span * scores
        return (weights * scores).sum(), weights, scores


class _Clips(_Graph):
    def __init__(self, model: ScoringModel) -> None:
        super().__init__(model)
        self.clips = (1 + max(model.config.motion_lags), None)

    def weighed(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.model.clip_worths(clips)
        return torch.ones_like(scores) / scores.shape[0], scores


class _Segments(_Graph):
    """Means of equal parts as one product: their edges depend on the number of clips."""

    def __init__(self, model: ScoringModel) -> None:
        super().__init__(model)
        self.segments = getattr(model.config, "segments", 1)
        self.clips = (self.segments, None)

    def weighed(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        count = clips.shape[0]
        edges = torch.arange(self.segments + 1) * count // self.segments
        at = torch.arange(count)
        inside = (at >= edges[:-1, None]) & (at < edges[1:, None])  # [segments, T]
        shares = inside.float() / inside.sum(1, keepdim=True)
        score = self.model.score_of_means((shares @ clips).flatten())
        return torch.ones(1), score.reshape(1)


class _Queries(_Graph):
    def __init__(self, model: ScoringModel) -> None:
        super().__init__(model)
        self.clips = (2, model.config.clip_count)
        drawn = model.config.query_std != 1
        # [draws, Q, d]: those that the model draws anew at every score, always the same.
        self.queries = model.fixed_queries() if drawn else model.query_embedding[None].detach()

    def weighed(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        outputs = [self.model(clips[None], queries=draw[None]) for draw in self.queries]
        weights = torch.stack([output.clip_weights[0] for output in outputs])
        weighted = weights * torch.stack([output.clip_scores[0] for output in outputs])
        mean = weights.mean(0)
        return mean, weighted.mean(0) / mean.clamp_min(torch.finfo(mean.dtype).tiny)


_GRAPHS: dict[str, type[_Graph]] = {
    "clips": _Clips, "ridge": _Segments, "kernel-ridge": _Segments, "mean": _Segments,
    "published": _Queries,
}  # fmt: skip
