"""The default model: every clip earns points, and the score is their sum.

A clip's points are a smooth function of what it looks like, how it moves and where in the routine
it is: a kernel ridge regression on whole videos whose kernel is the mean likeness of their clips,
so that its solution is a sum over clips. Explanation and score are one thing. Several scores (the
elements and the components of figure skating) are solved together.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from aqa.data import Grid, Videos
from aqa.errors import AqaError
from aqa.models.base import LossWeights, ModelInfo, ModelOutput, ScoringModel
from aqa.models.clips.config import ClipModelConfig
from aqa.models.clips.likeness import Likeness, phase_hats
from aqa.models.clips.projection import ClipProjection

# Which solutions: that of all training videos; those without a share of them each.
WHOLE, MEMBERS = slice(0, 1), slice(1, None)


class ClipModel(ScoringModel):
    """Shapes: K = 1 + members solutions (that of all training videos, then one for each share of
    them that is left out), P phase hats, W waves, S scores."""

    additive = True

    def __init__(
        self, config: ClipModelConfig, channels: int, info: ModelInfo | None = None
    ) -> None:
        super().__init__(config, channels, info)
        scores, solutions = len(self.info.all_scores), 1 + config.members
        self.projection = ClipProjection(config, channels)
        self.likeness = Likeness(self.projection.width, config.waves)
        worth = (solutions, sum(config.phases), 2 * config.waves, scores)
        self.register_buffer("worth", torch.zeros(worth))
        self.register_buffer("start", torch.zeros(solutions, scores))

    @property
    def selected(self) -> int:
        """Which of the scores that it learned this model gives."""
        return self.info.all_scores.index(self.info.score_name)

    def forward(
        self, features: Tensor, queries: None = None, lengths: Tensor | None = None
    ) -> ModelOutput:
        """Features [B, T, C], clips per video int [B] or None (all T).

        Clips past a video's length are padding and change nothing. There are no queries to give.
        """
        if features.ndim != 3 or features.shape[2] != self.channels:
            raise AqaError(
                f"features have shape {list(features.shape)}, this model expects "
                f"[videos, clips, {self.channels}]"
            )
        if queries is not None:
            raise AqaError("this model has no queries: give none")
        counts = [features.shape[1]] * len(features) if lengths is None else lengths.tolist()
        scores = features.new_zeros(features.shape[:2], dtype=torch.float32)
        weights, seen = torch.zeros_like(scores), []
        for row, (clips, count) in enumerate(zip(features, counts, strict=True)):
            seen.append(self.projection(clips[:count]))
            scores[row, :count] = self._worths(seen[-1], WHOLE)[0]
            weights[row, :count] = 1 / count
        decoded = features.new_zeros((*scores.shape, self.projection.width), dtype=torch.float32)
        for row, part in enumerate(seen):
            decoded[row, : len(part)] = part
        return ModelOutput(
            score=(weights * scores).sum(1),
            clip_weights=weights,
            clip_scores=scores,
            decoded=decoded,
            attention_loss=scores.new_zeros(()),
        )

    def for_score(self, name: str) -> ClipModel:
        """The same model, giving another of the scores that it learned."""
        if name not in self.info.all_scores:
            raise AqaError(f"score {name!r}: this model has {', '.join(self.info.all_scores)}")
        other = copy.copy(self)
        other.info = replace(self.info, score_name=name)
        return other

    def weigh(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        output = self(clips.unsqueeze(0).to(self.start.device))
        return output.clip_weights[0], output.clip_scores[0]

    def clip_worths(self, clips: Tensor) -> Tensor:
        """[T, C] -> [T]: what a whole video of such clips would score, in units of the range."""
        return self._worths(self.projection(clips), WHOLE)[0]

    def _spread(self, clips: Tensor, usual: Tensor, grid: Grid | None) -> np.ndarray:
        low, high = self.info.score_range
        members = [
            self._worths(self.projection(seen if grid is None else grid.filled(seen)), MEMBERS)
            for seen in (clips.to(self.start.device), usual.to(self.start.device))
        ]
        points = (members[0] - members[1]) * (high - low)  # [members, T]
        points = points if grid is None else points[:, grid.positions]
        return (points / points.shape[1]).std(0, correction=0).double().cpu().numpy()

    def _worths(self, inputs: Tensor, solutions: slice) -> Tensor:
        """[T, d] -> [K, T]: what a whole video of such clips, at such a place, would score."""
        waves = self.likeness(inputs)
        worth = self.worth[solutions, ..., self.selected]  # [K, P, 2W]
        by_phase = (waves @ worth.flatten(0, 1).T).unflatten(1, worth.shape[:2])  # [T, K, P]
        hats = phase_hats(inputs.shape[0], self.config.phases).to(inputs.device)
        return self.start[solutions, None, self.selected] + torch.einsum(
            "tkp,tp->kt", by_phase, hats
        )

    @torch.no_grad()
    def prepare(self, videos: Videos) -> Videos:
        """Solves on the training videos; nothing is left to learn."""
        self.projection.fit(videos)
        seen = [self.projection(clips) for clips in videos.per_video()]
        self.likeness.draw(torch.cat(seen), self.config.sharpness)
        views = torch.stack([self._view(inputs) for inputs in seen])  # [N, P * 2W]
        gram, targets = (views @ views.T).double(), videos.all_targets.double()
        every = torch.arange(len(views), device=views.device)
        for place in range(1 + self.config.members):
            rows = every if place == 0 else every[every % self.config.members != place - 1]
            rows = rows if len(rows) else every  # of a single training video
            self._solve(place, views[rows], gram[rows][:, rows], targets[rows])
        return videos

    def _view(self, inputs: Tensor) -> Tensor:
        """A video [T, d] as the mean over its clips of waves by phase: [P * 2W]."""
        hats = phase_hats(len(inputs), self.config.phases).to(inputs.device)
        return (hats.T @ self.likeness(inputs) / len(inputs)).flatten()

    def _solve(self, place: int, views: Tensor, gram: Tensor, targets: Tensor) -> None:
        """Ridge regression about the means, in as many unknowns as there are videos."""
        middle = gram.mean(1, keepdim=True)
        centred = gram - middle - middle.T + gram.mean()
        ridge = self.config.strength * centred.diagonal().mean().clamp_min(1e-12)
        eye = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        shares = torch.linalg.solve(centred + ridge * eye, targets - targets.mean(0))  # [N, S]
        shares = shares - shares.mean(0)
        worth = views.T @ shares.float()  # [P * 2W, S]
        self.worth[place].copy_(worth.view_as(self.worth[place]))
        self.start[place].copy_(targets.mean(0) - views.mean(0) @ worth)

    def training_losses(
        self, inputs: Tensor, lengths: Tensor, targets: Tensor, loss_weights: LossWeights
    ) -> dict[str, Tensor]:
        return {}
