"""Train one model on one split, by the recipe that its config names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from aqa.config import ExperimentConfig, HonestTraining
from aqa.datasets import AqaDataset
from aqa.errors import AqaError
from aqa.honest import train_honest
from aqa.loop import EpochReport, OnEpoch
from aqa.model import AssessmentModel
from aqa.paper import train_paper


def train(
    config: ExperimentConfig,
    dataset: AqaDataset,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    on_epoch: OnEpoch | None = None,
    log_dir: str | Path | None = None,
) -> AssessmentModel:
    """Train on ``dataset.train`` -> a model in eval mode, with ``model.info`` filled.

    The same seed, data and thread count give the same weights on a CPU. ``dataset.test`` is not
    touched, but by ``recipe: paper``, which chooses its epoch there as published.
    """
    if not dataset.train:
        raise AqaError(f"{dataset.name} has no training videos")
    with _reproducible(seed), _logged(on_epoch, log_dir) as report:
        honest = isinstance(config.training, HonestTraining)
        recipe = train_honest if honest else train_paper
        model = recipe(config, dataset, _device(device), report)
    model.info = replace(model.info, seed=seed)
    return model.eval()


@contextlib.contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Seed torch for the training only: the caller's random state is left as it was."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def _logged(on_epoch: OnEpoch | None, log_dir: str | Path | None) -> Iterator[OnEpoch]:
    """Pass epochs on to the caller, and to tensorboard where a folder is named."""
    writer = None
    if log_dir is not None:
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(log_dir))

    def report(epoch: EpochReport) -> None:
        if writer is not None:
            for name, value in epoch.losses.items():
                writer.add_scalar(f"loss/{name}", value, epoch.epoch)
            for name, value in epoch.evaluation.items():
                writer.add_scalar(f"chosen on the evaluation split/{name}", value, epoch.epoch)
            writer.add_scalar("learning_rate", epoch.learning_rate, epoch.epoch)
        if on_epoch is not None:
            on_epoch(epoch)

    try:
        yield report
    finally:
        if writer is not None:
            writer.close()


def _device(device: str | torch.device) -> torch.device:
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise AqaError(f"device {device!r}: expected cpu, cuda, cuda:1 or mps") from None
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise AqaError(f"device {device}: no CUDA device is available here, use cpu")
    return chosen
