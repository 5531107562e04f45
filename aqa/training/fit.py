"""The recipe of models that are solved in one step (``prepare``), on the training videos."""

from __future__ import annotations

from dataclasses import replace

import torch

from aqa.config import ExperimentConfig
from aqa.data import AqaDataset
from aqa.models import ScoringModel
from aqa.training.epochs import EpochReport, OnEpoch, start
from aqa.training.snapshot import Snapshot


def train_fit(
    config: ExperimentConfig,
    dataset: AqaDataset,
    device: torch.device,
    report: OnEpoch,
    snapshot: Snapshot,
) -> ScoringModel:
    """Solve on ``dataset.train``; there is no epoch to choose, and nothing to go on from."""
    model, videos = start(config, dataset, device)
    model.prepare(videos)
    fitted = [weights @ scores for weights, scores in map(model.weigh, videos.per_video())]
    error = float((torch.stack(fitted) - videos.targets).square().mean())
    done = EpochReport(1, 1, {"score": error, "total": error}, 0.0)
    report(done)
    model.info = replace(model.info, epochs=1, chosen_on="closed form", history=(done.entry(),))
    return model
