"""What the clip model sees of a video: a few channels per clip, and descriptors of the whole.

Everything here is fitted in closed form on the training clips, with no label.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aqa.data import Videos
from aqa.models.clips.config import ClipModelConfig
from aqa.models.parts import segment_means

_SEGMENTS = 4
# Principal directions of a video: the means of its segments, how much it moves, and how the
# directions vary together over time (what a fall does to a routine shows there).
DESCRIPTORS = ("segments", "motion", "variation")


class ClipProjection(nn.Module):
    """Clips [T, C] -> network inputs [T, d], and descriptors of the whole video.

    Clips are standardised by the training clips. *Motion* is how far a clip's features are from
    those of the clips shortly before and after: it is what appearance alone does not tell.
    """

    def __init__(self, config: ClipModelConfig, channels: int) -> None:
        super().__init__()
        self.lags = config.motion_lags
        self.appearance = min(config.appearance_channels, channels)
        self.motion_channels = min(config.motion_channels, channels)
        self.variation = min(config.variation_channels, channels)
        self.shrinkage = config.variation_shrinkage
        directions = max(self.appearance, self.variation, min(config.directions, channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("basis", torch.zeros(channels, directions))
        self.register_buffer("appearance_scale", torch.ones(self.appearance))
        self.register_buffer("motion_mean", torch.zeros(channels))
        self.register_buffer("motion_basis", torch.zeros(channels, self.motion_channels))

    @property
    def width(self) -> int:
        """Channels d of the network's inputs."""
        return self.appearance + self.motion_channels

    @property
    def descriptor_widths(self) -> dict[str, int]:
        channels, directions = self.basis.shape
        upper = self.variation * (self.variation + 1) // 2
        return dict(zip(DESCRIPTORS, (_SEGMENTS * directions, channels, upper), strict=True))

    @torch.no_grad()
    def fit(self, videos: Videos) -> None:
        """Standardisation and principal directions of the training clips and of their motion."""
        mean, std = videos.statistics()
        self.mean.copy_(mean)
        # A channel that never varies in training must not blow up elsewhere.
        self.std.copy_(std.clamp_min(1e-4 * std.mean().clamp_min(1e-6)))
        standard = [self._standard(clips) for clips in videos.per_video()]
        values, vectors = _principal(torch.cat(standard))
        self.basis.copy_(vectors[:, : self.basis.shape[1]])
        self.appearance_scale.copy_(_half_whitening(values[: self.appearance]))
        moved = torch.cat([motion(clips, self.lags) for clips in standard])
        self.motion_mean.copy_(moved.mean(0))
        values, vectors = _principal(moved - self.motion_mean)
        kept = slice(0, self.motion_channels)
        self.motion_basis.copy_(vectors[:, kept] * _half_whitening(values[kept]))

    def forward(self, clips: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """One video [T, C] -> inputs [T, d], descriptors by name."""
        standard = self._standard(clips)
        moved = motion(standard, self.lags)
        turned = standard @ self.basis
        inputs = torch.cat(
            [
                turned[:, : self.appearance] * self.appearance_scale,
                (moved - self.motion_mean) @ self.motion_basis,
            ],
            dim=1,
        )
        descriptors = (
            segment_means(turned, _SEGMENTS),
            moved.mean(0),
            _log_covariance(turned[:, : self.variation], self.shrinkage),
        )
        return inputs, dict(zip(DESCRIPTORS, descriptors, strict=True))

    def _standard(self, clips: Tensor) -> Tensor:
        return (clips.float() - self.mean) / self.std


def motion(clips: Tensor, lags: tuple[int, ...]) -> Tensor:
    """[T, C] -> [T, C]: mean absolute difference to the clips ``lag`` before and after.

    At the ends, where one of the two is missing, the nearest difference stands in for it.
    """
    total = torch.zeros_like(clips)
    usable = [lag for lag in lags if lag < len(clips)]
    for lag in usable:
        change = (clips[lag:] - clips[:-lag]).abs()
        before = torch.cat([change[:1].expand(lag, -1), change])
        after = torch.cat([change, change[-1:].expand(lag, -1)])
        total += (before + after) / 2
    return total / max(1, len(usable))


def _principal(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, largest first, and eigenvectors [C, C] of the second moments of rows [n, C]."""
    moments = (rows.T @ rows).double() / len(rows)
    values, vectors = torch.linalg.eigh(moments)
    # A fixed sign: the largest entry of a direction is positive.
    largest = vectors.abs().argmax(0, keepdim=True)
    vectors = vectors * vectors.gather(0, largest).sign()
    return values.flip(0).clamp_min(1e-6), vectors.flip(1)


def _half_whitening(values: Tensor) -> Tensor:
    """Scales that even out directions half-way, to a mean square of 1 over all of them."""
    return values**-0.25 / values.sqrt().mean().sqrt()


def _log_covariance(turned: Tensor, shrinkage: float) -> Tensor:
    """[T, k] -> upper triangle of the matrix logarithm of the shrunk covariance over time."""
    centred = (turned - turned.mean(0)).double()
    covariance = centred.T @ centred / max(1, len(turned) - 1)
    values, vectors = torch.linalg.eigh(covariance)
    floor = shrinkage * values.mean().clamp_min(1e-6)
    logarithm = (vectors * (values.clamp_min(0) + floor).log()) @ vectors.T
    rows, columns = torch.triu_indices(*logarithm.shape)
    return logarithm[rows, columns].float()
