"""Train one model on one split, by the recipe that its config names."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from aqa.config import ExperimentConfig
from aqa.data import AqaDataset
from aqa.errors import AqaError
from aqa.models import ScoringModel
from aqa.storage import Place, RemotePath
from aqa.training.epochs import EpochReport, OnEpoch
from aqa.training.fit import train_fit
from aqa.training.honest import train_honest
from aqa.training.paper import train_paper
from aqa.training.snapshot import Snapshot

_RECIPES = {"honest": train_honest, "paper": train_paper, "fit": train_fit}


def train(
    config: ExperimentConfig,
    dataset: AqaDataset,
    *,
    seed: int = 0,
    device: str | torch.device = "cpu",
    on_epoch: OnEpoch | None = None,
    log_dir: str | Path | None = None,
    snapshot: str | Path | None = None,
) -> ScoringModel:
    """Train on ``dataset.train`` -> a model in eval mode, with ``model.info`` filled.

    The same seed, data and config give the same weights on CPUs of one kind. ``dataset.test`` is
    not touched, but by ``recipe: paper``, which chooses its epoch there as published. A training
    that was killed goes on from the file ``snapshot``, to the weights of an undisturbed one.
    """
    if not dataset.train:
        raise AqaError(f"{dataset.name} has no training videos")
    kept = Snapshot(
        Path(snapshot) if snapshot is not None else None,
        f"{fingerprint(config, dataset, seed)} {device}",
    )
    with _reproducible(seed, config.training.threads), _logged(on_epoch, log_dir) as report:
        model = _RECIPES[config.training.recipe](config, dataset, _device(device), report, kept)
    model.info = replace(model.info, seed=seed)
    return model.eval()


def fingerprint(config: ExperimentConfig, dataset: AqaDataset, seed: int) -> str:
    """Changes with config, seed, features, their origin, labels and split."""
    content = {
        "config": config.model_dump(mode="json"),
        "seed": seed,
        "origin": dataset.origin.to_dict() if dataset.origin else None,
        "range": dataset.score_range,
        "videos": [
            [(e.id, e.score, e.all_scores, _file_state(e.features_path)) for e in part]
            for part in (dataset.train, dataset.test)
        ],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file_state(path: Place) -> str:
    """Of a file here its content, so that a copy of the data is the same data; of a remote one its
    size and time. Empty for a missing file, which the reader of features names."""
    if isinstance(path, RemotePath):
        info = path.info()
        return f"{info.size} {info.mtime_ns}" if info else ""
    try:
        state = os.stat(path)
        return _digest(str(path), state.st_size, state.st_mtime_ns)
    except OSError:
        return ""


@functools.lru_cache(maxsize=100_000)
def _digest(path: str, size: int, mtime_ns: int) -> str:
    """SHA-256 of a file, read once while its size and time stay the same."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _reproducible(seed: int, threads: int) -> Iterator[None]:
    """Seed torch and fix its threads for the training only: both are set back afterwards.

    How sums are split over threads decides their rounding, and so the weights.
    """
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


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
