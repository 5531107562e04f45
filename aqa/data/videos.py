"""The features of a whole split in memory, from which batches are gathered without a loader."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aqa.data.dataset import Example
from aqa.errors import AqaError, listing


class Videos:
    """N videos: clips of all of them in one tensor [sum of clips, C], targets [N] of the score
    and [N, S] of all the scores that are learned together."""

    def __init__(
        self,
        features: Sequence[np.ndarray],
        targets: Sequence[float],
        device: torch.device,
        all_targets: Sequence[Sequence[float]] | None = None,
    ) -> None:
        lengths = torch.tensor([len(video) for video in features])
        self.clips = torch.from_numpy(np.concatenate(list(features))).to(device)
        self.lengths = lengths.to(device)
        self.starts = (lengths.cumsum(0) - lengths).to(device)
        self.targets = torch.tensor(targets, dtype=torch.float32, device=device)
        rows = [[target] for target in targets] if all_targets is None else all_targets
        self.all_targets = torch.tensor(rows, dtype=torch.float32, device=device)
        self.clip_counts = (int(lengths.min()), int(lengths.max()))

    @classmethod
    def load(
        cls,
        examples: Sequence[Example],
        score_range: tuple[float, float],
        device: torch.device,
        channels: int | None = None,
    ) -> Videos:
        """Read every feature file; all that cannot be used are named together.

        Where ``channels`` is not given, the width that most of the files have is the right one.
        """
        features, problems = [], []
        for example in examples:
            try:
                clips, grid = example.read(channels)
                features.append(clips if grid is None else grid.fill(clips))
            except AqaError as error:
                problems.append(str(error))
        widths = Counter(video.shape[1] for video in features)
        if len(widths) > 1:
            return cls.load(examples, score_range, device, widths.most_common(1)[0][0])
        if problems:
            raise AqaError(listing(problems))
        low, high = score_range
        if not low < high:
            raise AqaError(f"all scores are {low:g}: nothing can be learned from them")
        targets = [(e.score - low) / (high - low) for e in examples]
        rows = [[(score - low) / (high - low) for score in e.all_scores] for e in examples]
        return cls(features, targets, device, rows)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def channels(self) -> int:
        return self.clips.shape[1]

    @property
    def median_length(self) -> float:
        """Clips of a video."""
        return float(self.lengths.float().median())

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation [C] over all clips."""
        return self.clips.mean(0), self.clips.std(0, correction=0)

    def per_video(self) -> list[Tensor]:
        """The clips [T, C] of every video."""
        return list(self.clips.split(self.lengths.tolist()))

    def with_clips(self, clips: Sequence[Tensor]) -> Videos:
        """The same videos with other channels per clip: one tensor [T, d] a video."""
        other = copy.copy(self)
        other.clips = torch.cat(list(clips))
        return other

    def with_one_score(self) -> Videos:
        """The same videos with nothing to learn but the one score."""
        other = copy.copy(self)
        other.all_targets = self.targets.unsqueeze(1)
        return other

    def batch(self, indices: Tensor, stride: int = 1) -> tuple[Tensor, Tensor]:
        """Videos from end to end, zero-padded to the longest: features [B, T, C], lengths [B].

        With a stride only every ``stride``-th clip, starting at random among the first ones.
        """
        lengths = self.lengths[indices]
        phases = torch.zeros_like(lengths)
        if stride > 1:
            room = lengths.clamp_max(stride)
            phases = (torch.rand(len(indices), device=room.device) * room).long()
        counts = (lengths - phases + stride - 1) // stride
        starts = self.starts[indices] + phases
        return self._gather(starts, counts, int(counts.max()), stride), counts

    def cut(self, indices: Tensor, count: int) -> Tensor:
        """As published: a random cut of ``count`` clips, or zeros up to it -> [B, count, C].

        Like the published ``randint(0, T - count)`` a cut never reaches the last clip.
        """
        lengths = self.lengths[indices]
        room = (lengths - count).clamp_min(0)
        offsets = (torch.rand(len(indices), device=room.device) * room).long()
        return self._gather(self.starts[indices] + offsets, lengths.clamp_max(count), count)

    def _gather(self, starts: Tensor, lengths: Tensor, count: int, stride: int = 1) -> Tensor:
        steps = torch.arange(count, device=starts.device)
        there = steps < lengths.unsqueeze(1)  # [B, count]
        rows = torch.where(there, starts.unsqueeze(1) + steps * stride, 0)
        return self.clips[rows] * there.unsqueeze(-1)


def require_readable(examples: Sequence[Example]) -> None:
    """AqaError that names every feature file of these that cannot be used, also for its width; for
    those that are needed only after hours of work."""
    if examples:
        Videos.load(examples, (0.0, 1.0), torch.device("cpu"))
