"""Small networks side by side in one module: every tensor has a leading axis of members.

Shapes: M members, B videos, T clips, d input channels, h hidden channels, S scores.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa.models.clips.config import ClipModelConfig
from aqa.models.parts import Dropout


class MemberLinear(nn.Module):
    def __init__(self, members: int, inputs: int, outputs: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(members, inputs, outputs) * gain / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, rows: Tensor) -> Tensor:
        """[M, n, inputs] -> float32 [M, n, outputs]."""
        return torch.baddbmm(self.bias, rows, self.weight).float()


class MemberNorm(nn.Module):
    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, 1, width))
        self.bias = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, rows: Tensor) -> Tensor:
        return F.layer_norm(rows, rows.shape[-1:]) * self.weight + self.bias


class ClipEnsemble(nn.Module):
    """Inputs [B, T, d] -> per member and score: a video score, clip weights and clip scores.

    A clip is seen with the means of its surroundings at several widths. Its weight is a simple
    function of what is near it, the same wherever in the video that is. The video score comes from
    the weighted mean and from the means of equal segments.
    """

    def __init__(self, config: ClipModelConfig, inputs: int, scores: int) -> None:
        super().__init__()
        self.config, self.scores = config, scores
        members, hidden = config.members, config.hidden
        self.embed = MemberLinear(members, inputs, hidden)
        self.embed_norm = MemberNorm(members, hidden)
        self.mix = MemberLinear(members, hidden * (1 + len(config.contexts)), hidden)
        self.mix_norm = MemberNorm(members, hidden)
        self.weight_hidden = MemberLinear(members, inputs, config.weight_hidden)
        self.weight_logit = MemberLinear(members, config.weight_hidden, scores, 0.3)
        self.clip_hidden = MemberLinear(members, hidden, hidden)
        self.clip_score = MemberLinear(members, hidden, scores, 0.3)
        self.video_hidden = MemberLinear(members, hidden * (scores + config.segments), hidden)
        self.video_score = MemberLinear(members, hidden, scores, 0.3)
        self.dropout = Dropout(config.dropout)

    def forward(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Inputs [B, T, d], mask bool [B, T] -> video scores [M, B, S], clip weights and clip
        scores [M, B, T, S], hidden [M, B, T, h]."""
        inputs = self._for_members(inputs)
        there = mask[None, :, :, None].to(inputs.dtype)
        embedded = self._rows(lambda rows: F.gelu(self.embed_norm(self.embed(rows))), inputs)
        around = [_mean_around(embedded, there, width) for width in self.config.contexts]
        context = self.dropout(torch.cat([embedded, *around], dim=-1))
        mixed = embedded + self._rows(lambda rows: F.gelu(self.mix(rows)), context)
        hidden = self._rows(self.mix_norm, mixed)
        weights = self._weights(inputs, there)
        # Clip scores explain the video; they do not shape what is seen of it.
        dropped = self.dropout(hidden.detach())
        clip_hidden = self.dropout(F.gelu(self._rows(self.clip_hidden, dropped)))
        clip_scores = self._rows(self.clip_score, clip_hidden)
        pooled = [torch.einsum("mbts,mbth->mbsh", weights, hidden).flatten(2)]
        pooled += _segment_means(hidden, mask, self.config.segments)
        video = self.dropout(F.gelu(self.video_hidden(self.dropout(torch.cat(pooled, dim=-1)))))
        return self.video_score(video), weights, clip_scores, hidden

    def _for_members(self, inputs: Tensor) -> Tensor:
        """The same inputs for every member; in training each drops channels of whole videos."""
        inputs = inputs.expand(self.config.members, *inputs.shape)
        rate = self.config.input_dropout
        if not self.training or not rate:
            return inputs
        members, videos, _, channels = inputs.shape
        kept = torch.rand(members, videos, 1, channels, device=inputs.device) >= rate
        return inputs * kept / (1 - rate)

    def _weights(self, inputs: Tensor, there: Tensor) -> Tensor:
        near = _mean_around(inputs, there, 3)
        hidden = torch.tanh(self._rows(self.weight_hidden, near))
        logits = self._rows(self.weight_logit, hidden)
        return logits.masked_fill(there == 0, float("-inf")).softmax(dim=2)

    @staticmethod
    def _rows(layer: nn.Module, values: Tensor) -> Tensor:
        """A layer of [M, n, channels] on [M, B, T, channels]."""
        videos, clips = values.shape[1:3]
        return layer(values.flatten(1, 2)).unflatten(1, (videos, clips))


def _mean_around(values: Tensor, there: Tensor, width: int) -> Tensor:
    """Mean over the ``width`` clips around each, of those that are there; [M, B, T, channels]."""

    def smooth(tensor: Tensor) -> Tensor:
        members, videos, clips, channels = tensor.shape
        columns = tensor.transpose(2, 3).reshape(members * videos, channels, clips)
        means = F.avg_pool1d(columns, width, stride=1, padding=width // 2)
        return means.reshape(members, videos, channels, clips).transpose(2, 3)

    return smooth(values * there) / smooth(there).clamp_min(1e-3)


def _segment_means(hidden: Tensor, mask: Tensor, count: int) -> list[Tensor]:
    """Means [M, B, h] over ``count`` equal parts of each video; zeros for a part without a clip."""
    lengths = mask.sum(1, keepdim=True)
    place = (torch.arange(mask.shape[1], device=mask.device) + 0.5) / lengths  # [B, T]
    means = []
    for part in range(count):
        inside = mask & (place >= part / count) & (place < (part + 1) / count)
        share = inside.to(hidden.dtype) / inside.sum(1, keepdim=True).clamp_min(1)
        means.append(torch.einsum("bt,mbth->mbh", share, hidden))
    return means
