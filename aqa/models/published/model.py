"""The published model: clip features -> decoder -> a weight and a score per query -> score.

Interpretable Long-term Action Quality Assessment, BMVC 2024 (arXiv 2408.11687).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aqa.data import Videos
from aqa.errors import AqaError
from aqa.models.base import LossWeights, ModelInfo, ModelOutput, ScoringModel
from aqa.models.parts import agreement_losses
from aqa.models.published.config import PublishedModelConfig
from aqa.models.published.decoder import (
    Decoder,
    DecoderShape,
    WeightScoreHead,
    attention_consistency,
    sinusoids,
)

# Where the published model draws its queries anew, a score is the mean over this many fixed draws.
QUERY_DRAWS = 16
_DRAW_SEED = 0


class PublishedModel(ScoringModel):
    """Decoder layers over queries that belong to no clip."""

    aligned = False

    def __init__(
        self,
        config: PublishedModelConfig,
        channels: int,
        info: ModelInfo | None = None,
    ) -> None:
        super().__init__(config, channels, info)
        width = config.width or channels
        if width % config.heads:
            raise AqaError(
                f"tokens are {width} wide, no multiple of model.heads {config.heads}: "
                "set model.width"
            )
        self.target_std = 1.0  # of the training scores, for the losses
        self.register_buffer("feature_mean", torch.zeros(channels))
        self.register_buffer("feature_std", torch.ones(channels))
        self.project = nn.Linear(channels, width) if config.width else nn.Identity()
        self.query_embedding = nn.Parameter(torch.randn(config.query_count, width))
        self.decoder = Decoder(
            DecoderShape(
                width,
                config.layers,
                config.heads,
                config.feedforward,
                config.dropout,
                config.attention_dropout,
            )
        )
        self.head = WeightScoreHead(width, config.head_widths)

    def set_feature_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Mean and deviation [C] of the training clips; the model standardises by them."""
        self.feature_mean.copy_(mean)
        # A channel that never varies in training must not blow up elsewhere.
        self.feature_std.copy_(std.clamp_min(1e-4 * std.mean().clamp_min(1e-6)))

    def forward(
        self, features: Tensor, queries: Tensor | None = None, lengths: Tensor | None = None
    ) -> ModelOutput:
        """Features [B, T, C], queries [B, Q, d] or None, clips per video int [B] or None (all T).

        Clips past a video's length are padding and change nothing.
        """
        self._check_input(features, queries)
        mask = None
        if lengths is not None and int(lengths.min()) < features.shape[1]:
            steps = torch.arange(features.shape[1], device=features.device)
            mask = steps < lengths.to(features.device).unsqueeze(1)
            # Whatever padding holds must not reach a normalisation.
            features = features.masked_fill(~mask.unsqueeze(-1), 0.0)
        memory = self.project((features.float() - self.feature_mean) / self.feature_std)
        if queries is not None:
            return self._over_queries(queries, memory, mask)
        if self.config.query_std == 1:
            queries = self.query_embedding.expand(len(memory), -1, -1)
            return self._over_queries(queries, memory, mask)
        if self.training:
            return self._over_queries(self.draw_queries(len(memory)), memory, mask)
        draws = self.fixed_queries()
        outputs = [
            self._over_queries(draw.expand(len(memory), -1, -1), memory, mask) for draw in draws
        ]
        return _mean_output(outputs)

    def draw_queries(self, batch: int) -> Tensor:
        """Fresh queries [batch, Q, d] from N(0, query_std^2), as published for every forward."""
        shape = (batch, *self.query_embedding.shape)
        return torch.randn(shape, device=self.query_embedding.device) * self.config.query_std

    def weigh(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        output = self(self.fit_clips(clips).unsqueeze(0).to(self.feature_mean.device))
        return output.clip_weights[0], output.clip_scores[0]

    @torch.no_grad()
    def prepare(self, videos: Videos) -> Videos:
        """Standardise by the training clips; predictions start at the mean score."""
        self.set_feature_statistics(*videos.statistics())
        self.head.score[-1].bias.fill_(videos.targets.mean())
        self.target_std = float(videos.targets.std(correction=0).clamp_min(1e-6))
        return videos.with_one_score()

    def training_losses(
        self, features: Tensor, lengths: Tensor, targets: Tensor, loss_weights: LossWeights
    ) -> dict[str, Tensor]:
        """Losses of a batch against its targets [B, 1]."""
        output = self(features, lengths=lengths)
        scores = (output.score / self.target_std, targets[:, 0] / self.target_std)
        losses = agreement_losses(*(values[None, :, None] for values in scores), loss_weights)
        losses = {name: loss.squeeze() for name, loss in losses.items()}
        losses["attention"] = loss_weights.attention_loss * output.attention_loss / len(targets)
        return losses

    def fit_clips(self, clips: Tensor, start: int | None = None) -> Tensor:
        """Cut or zero-pad one video [T, C] to the published clip count, if the model has one.

        ``start`` is the first clip of the cut; None takes the middle, a repeatable stand-in for
        the published cut at random.
        """
        count = self.config.clip_count
        if count is None or len(clips) == count:
            return clips
        if len(clips) < count:
            return torch.cat([clips, clips.new_zeros(count - len(clips), clips.shape[1])])
        start = self.assessed(len(clips)).start if start is None else start
        return clips[start : start + count]

    def assessed(self, clips: int) -> range:
        """The middle of a video that has more than the published clip count."""
        count = min(self.config.clip_count or clips, clips)
        start = (clips - count) // 2
        return range(start, start + count)

    def _check_input(self, features: Tensor, queries: Tensor | None) -> None:
        if features.ndim != 3 or features.shape[2] != self.channels:
            raise AqaError(
                f"features have shape {list(features.shape)}, this model expects "
                f"[videos, clips, {self.channels}]"
            )
        if queries is None:
            return
        width = self.query_embedding.shape[1]
        if queries.ndim != 3 or (queries.shape[0], queries.shape[2]) != (len(features), width):
            raise AqaError(
                f"queries have shape {list(queries.shape)}, expected [{len(features)}, Q, {width}]"
            )

    def _over_queries(self, queries: Tensor, memory: Tensor, mask: Tensor | None) -> ModelOutput:
        """As published: positions are the *first sample's* queries or clips plus sinusoids."""
        mode = self.config.position_encoding
        query_position = memory_position = None
        if mode in ("query_pe", "query_memory_pe"):
            query_position = queries[0] + sinusoids(*queries.shape[1:], queries.device)
        if mode in ("memory_pe", "query_memory_pe"):
            memory_position = memory[0] + sinusoids(*memory.shape[1:], memory.device)
        decoded, selfs, crosses = self.decoder(
            queries,
            memory,
            query_position=query_position,
            memory_position=memory_position,
            accumulate=memory_position is not None,
            memory_mask=mask,
        )
        clip_scores, clip_weights = self.head(decoded)
        return ModelOutput(
            score=(clip_weights * clip_scores).sum(-1),
            clip_weights=clip_weights,
            clip_scores=clip_scores,
            decoded=decoded,
            attention_loss=attention_consistency(selfs, crosses).sum(),
            # Nothing in a training asks for these copies.
            self_attention_outputs=None if self.training else torch.stack(selfs),
            cross_attention_outputs=None if self.training else torch.stack(crosses),
        )

    def fixed_queries(self) -> Tensor:
        """[QUERY_DRAWS, Q, d], the same in every process and on every device."""
        generator = torch.Generator().manual_seed(_DRAW_SEED)
        draws = torch.randn(QUERY_DRAWS, *self.query_embedding.shape, generator=generator)
        return (draws * self.config.query_std).to(self.query_embedding.device)


def _mean_output(outputs: Sequence[ModelOutput]) -> ModelOutput:
    """Mean over query draws, with clip scores such that weight x score still adds up."""

    def mean(name: str) -> Tensor:
        return torch.stack([getattr(output, name) for output in outputs]).mean(0)

    weights = mean("clip_weights")
    weighted = torch.stack([output.clip_weights * output.clip_scores for output in outputs])
    return ModelOutput(
        score=mean("score"),
        clip_weights=weights,
        clip_scores=weighted.mean(0) / weights.clamp_min(torch.finfo(weights.dtype).tiny),
        decoded=mean("decoded"),
        attention_loss=mean("attention_loss"),
        self_attention_outputs=mean("self_attention_outputs"),
        cross_attention_outputs=mean("cross_attention_outputs"),
    )
