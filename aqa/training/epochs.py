"""What both training recipes share: the start, the batches, the report of an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata

import torch
from torch import Tensor

from aqa.config import ExperimentConfig
from aqa.data import AqaDataset, Videos
from aqa.errors import AqaError
from aqa.models import MODELS, ModelInfo, ScoringModel, build_model, mark


@dataclass(frozen=True)
class EpochReport:
    """One epoch, for whoever shows progress. ``evaluation`` holds figures on the evaluation split,
    which only the paper recipe looks at."""

    epoch: int  # from 1
    epochs: int
    losses: dict[str, float]  # means over the steps; "total" is their sum
    learning_rate: float
    evaluation: dict[str, float] = field(default_factory=dict)

    def entry(self) -> dict[str, float]:
        figures = {**self.losses, **self.evaluation}
        return {"epoch": self.epoch, "learning_rate": self.learning_rate, **figures}


OnEpoch = Callable[[EpochReport], None]


def start(
    config: ExperimentConfig, dataset: AqaDataset, device: torch.device
) -> tuple[ScoringModel, Videos]:
    """A fresh model and the training videos in memory."""
    videos = Videos.load(dataset.train, dataset.score_range, device)
    info = ModelInfo(
        score_name=dataset.score_name,
        all_scores=dataset.all_scores if MODELS.get(config.model.kind).learns_all_scores else (),
        score_range=dataset.score_range,
        dataset=dataset.name,
        origin=dataset.origin,
        config=config.model_dump(mode="json"),
        training_videos=len(videos),
        training_marks={
            mark(clips.cpu()): example.id
            for clips, example in zip(videos.per_video(), dataset.train, strict=True)
        },
        clip_counts=videos.clip_counts,
        version=_version(),
    )
    model = build_model(config.model, videos.channels, info).to(device)
    model.remember(videos.per_video())
    return model, videos


def shuffled_batches(count: int, size: int, device: torch.device) -> Iterator[Tensor]:
    """One epoch of index batches in a new order; the last may be smaller."""
    yield from torch.randperm(count).to(device).split(size)


def mean_losses(steps: list[dict[str, Tensor]], epoch: int) -> dict[str, float]:
    """Means over the steps of an epoch and their "total"; AqaError if training has diverged."""
    names = sorted({name for step in steps for name in step})
    means = {
        name: float(torch.stack([step[name] for step in steps if name in step]).mean())
        for name in names
    }
    total = sum(means.values())
    if not math.isfinite(total):
        raise AqaError(
            f"training diverged in epoch {epoch} (loss {total}): lower training.learning_rate"
        )
    return {**means, "total": total}


def _version() -> str | None:
    try:
        return metadata.version("aqa-pipeline")
    except metadata.PackageNotFoundError:
        return None
