"""The default model: a score as the weighted mean of one score per clip of the video.

A clip's score is what the video as a whole is worth (kernel regression on descriptors of it, and
the networks' view of it) plus what this clip differs by; its weight is a softmax over the clips.
Several scores (the elements and the components of figure skating) are learned together.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from aqa.data import Videos
from aqa.errors import AqaError
from aqa.models.base import LossWeights, ModelInfo, ModelOutput, ScoringModel
from aqa.models.clips.config import ClipModelConfig
from aqa.models.clips.ensemble import ClipEnsemble
from aqa.models.clips.kernel import VideoKernel
from aqa.models.clips.projection import ClipProjection
from aqa.models.parts import agreement_losses

# Name, the descriptor that it sees, and whether all of this has one scale. The plain mean of
# regressions that each see one thing does better than one regression that sees all of it.
KERNELS = {
    "segments": ("segments", True),
    "even_segments": ("segments", False),
    "motion": ("motion", False),
    "variation": ("variation", False),
}


class ClipModel(ScoringModel):
    """Projection and kernels, solved in closed form, and an ensemble of small networks."""

    def __init__(
        self, config: ClipModelConfig, channels: int, info: ModelInfo | None = None
    ) -> None:
        super().__init__(config, channels, info)
        scores, known = len(self.info.all_scores), self.info.training_videos or 0
        self.register_buffer("target_mean", torch.zeros(scores))
        self.register_buffer("target_std", torch.ones(scores))
        self.projection = ClipProjection(config, channels)
        self.kernels = nn.ModuleDict(
            {
                name: VideoKernel(
                    self.projection.descriptor_widths[descriptor],
                    known,
                    scores,
                    config.kernel_strength,
                    one_scale,
                )
                for name, (descriptor, one_scale) in KERNELS.items()
            }
        )
        self.ensemble = ClipEnsemble(config, self.projection.width, scores)

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
        seen = [self.projection(clips[:n]) for clips, n in zip(features, counts, strict=True)]
        inputs = nn.utils.rnn.pad_sequence([part for part, _ in seen], batch_first=True)
        mask = _mask(torch.tensor(counts, device=inputs.device), inputs.shape[1])
        video, weights, clips, hidden = self.ensemble(inputs, mask)
        kernel = torch.stack(
            [
                layer(torch.stack([descriptors[KERNELS[name][0]] for _, descriptors in seen]))
                for name, layer in self.kernels.items()
            ]
        ).mean(0)  # [B, S]
        mean_weights = weights.mean(0)  # [B, T, S]
        # Clip scores with which mean weight x score is still the mean of all members.
        clips = (weights * clips).mean(0) / mean_weights.clamp_min(1e-12)
        local = (mean_weights * clips).sum(1)  # [B, S]
        kernel_share, clip_share = self.config.kernel_share, self.config.clip_share
        networks = (1 - clip_share) * video.mean(0) + clip_share * local
        whole = kernel_share * kernel + (1 - kernel_share) * networks
        # A clip's score: that of the whole, and by how much this clip differs.
        clips = whole[:, None] + clips - local[:, None]
        clips = (clips * self.target_std + self.target_mean)[..., self.selected]
        mean_weights = mean_weights[..., self.selected]
        padding = features.shape[1] - inputs.shape[1]
        mean_weights = nn.functional.pad(mean_weights, (0, padding))
        clips = nn.functional.pad(clips * mask, (0, padding))
        return ModelOutput(
            score=(mean_weights * clips).sum(-1),
            clip_weights=mean_weights,
            clip_scores=clips,
            decoded=nn.functional.pad(
                hidden.movedim(0, 2).flatten(2) * mask.unsqueeze(-1), (0, 0, 0, padding)
            ),
            attention_loss=clips.new_zeros(()),
        )

    def for_score(self, name: str) -> ClipModel:
        """The same model, giving another of the scores that it learned."""
        if name not in self.info.all_scores:
            raise AqaError(f"score {name!r}: this model has {', '.join(self.info.all_scores)}")
        other = copy.copy(self)
        other.info = replace(self.info, score_name=name)
        return other

    def weigh(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        output = self(clips.unsqueeze(0).to(self.target_mean.device))
        return output.clip_weights[0], output.clip_scores[0]

    @torch.no_grad()
    def prepare(self, videos: Videos) -> Videos:
        """Solve what has a closed form; the networks' inputs of the training videos."""
        targets = videos.all_targets
        self.target_mean.copy_(targets.mean(0))
        self.target_std.copy_(targets.std(0, correction=0).clamp_min(1e-6))
        standard = (targets - self.target_mean) / self.target_std
        self.projection.fit(videos)
        seen = [self.projection(clips) for clips in videos.per_video()]
        for name, kernel in self.kernels.items():
            descriptor = KERNELS[name][0]
            kernel.fit(torch.stack([found[descriptor] for _, found in seen]), standard)
        return videos.with_clips([inputs for inputs, _ in seen])

    def training_losses(
        self, inputs: Tensor, lengths: Tensor, targets: Tensor, loss_weights: LossWeights
    ) -> dict[str, Tensor]:
        """Every member, on its own: its video score and its weighted clip scores against the
        targets [B, S]. Summed over members, whose weights are apart."""
        targets = ((targets - self.target_mean) / self.target_std).expand(
            self.config.members, -1, -1
        )
        video, weights, clips, _ = self.ensemble(inputs, _mask(lengths, inputs.shape[1]))
        losses: dict[str, Tensor] = {}
        for part, predicted in (("video", video), ("clips", (weights * clips).sum(2))):
            for name, loss in agreement_losses(predicted, targets, loss_weights).items():
                losses[f"{part} {name}"] = loss.mean(-1).sum()
        return losses


def _mask(lengths: Tensor, clips: int) -> Tensor:
    """True at real clips: bool [B, clips]."""
    return torch.arange(clips, device=lengths.device) < lengths.unsqueeze(1)
