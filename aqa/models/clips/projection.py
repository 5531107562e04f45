"""What the clip model sees of a clip: a few channels of it and of how it moves.

Everything here is fitted in closed form on the training clips, with no label.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aqa.data import Videos
from aqa.models.clips.config import ClipModelConfig


class ClipProjection(nn.Module):
    """Clips [T, C] -> [T, d]: principal directions of the standardised clips and of their motion,
    half whitened, either half with a mean square of 1 over the training clips.

    *Motion* is how far a clip's features are from those of the clips shortly before and after: it
    is what appearance alone does not tell.
    """

    def __init__(self, config: ClipModelConfig, channels: int) -> None:
        super().__init__()
        self.lags = config.motion_lags
        self.appearance = min(config.appearance_channels, channels)
        self.motion = min(config.motion_channels, channels)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("basis", torch.zeros(channels, self.appearance))
        self.register_buffer("motion_mean", torch.zeros(channels))
        self.register_buffer("motion_basis", torch.zeros(channels, self.motion))

    @property
    def width(self) -> int:
        """Channels d."""
        return self.appearance + self.motion

    @torch.no_grad()
    def fit(self, videos: Videos) -> None:
        mean, std = videos.statistics()
        self.mean.copy_(mean)
        # A channel that never varies in training must not blow up elsewhere.
        self.std.copy_(std.clamp_min(1e-4 * std.mean().clamp_min(1e-6)))
        standard = [self._standard(clips) for clips in videos.per_video()]
        self.basis.copy_(_half_whitened(torch.cat(standard), self.appearance))
        moved = torch.cat([motion(clips, self.lags) for clips in standard])
        self.motion_mean.copy_(moved.mean(0))
        self.motion_basis.copy_(_half_whitened(moved - self.motion_mean, self.motion))

    def forward(self, clips: Tensor) -> Tensor:
        standard = self._standard(clips)
        moved = motion(standard, self.lags) - self.motion_mean
        return torch.cat([standard @ self.basis, moved @ self.motion_basis], dim=1)

    def _standard(self, clips: Tensor) -> Tensor:
        return (clips.float() - self.mean) / self.std


def motion(clips: Tensor, lags: tuple[int, ...]) -> Tensor:
    """[T, C] -> [T, C]: mean absolute difference to the clips ``lag`` before and after.

    At the ends, where one of the two is missing, the nearest difference stands in for it.
    """
    total = torch.zeros_like(clips)
    usable = [lag for lag in lags if lag < clips.shape[0]]
    for lag in usable:
        change = (clips[lag:] - clips[:-lag]).abs()
        before = torch.cat([change[:1].expand(lag, -1), change])
        after = torch.cat([change, change[-1:].expand(lag, -1)])
        total += (before + after) / 2
    return total / max(1, len(usable))


def _half_whitened(rows: Tensor, count: int) -> Tensor:
    """[C, count]: the first principal directions of rows [n, C], scaled so that they differ in size
    half as much (in logarithms), and to a mean square of 1 / count each, 1 over all of them."""
    moments = (rows.T @ rows).double() / len(rows)
    values, vectors = torch.linalg.eigh(moments)
    # A fixed sign: the largest entry of a direction is positive.
    largest = vectors.abs().argmax(0, keepdim=True)
    vectors = (vectors * vectors.gather(0, largest).sign()).flip(1)[:, :count]
    values = values.flip(0)[:count].clamp_min(1e-6)
    return vectors * values**-0.25 / values.sqrt().sum().sqrt()
