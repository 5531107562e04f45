"""Train one model on one split: the honest recipe and what both recipes share."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor

from aqa.config import ExperimentConfig, HonestTraining
from aqa.datasets import AqaDataset
from aqa.errors import AqaError
from aqa.losses import honest_losses
from aqa.model import AssessmentModel, ModelInfo, build_model
from aqa.videos import Videos


@dataclass(frozen=True)
class EpochReport:
    """One epoch, for whoever shows progress. ``evaluation`` holds figures on the evaluation split,
    which only the paper recipe looks at."""

    epoch: int  # from 1
    epochs: int
    losses: dict[str, float]  # means over the steps; "total" is their sum
    learning_rate: float
    seconds: float
    evaluation: dict[str, float] = field(default_factory=dict)

    def entry(self) -> dict[str, float]:
        figures = {**self.losses, **self.evaluation}
        return {"epoch": self.epoch, "learning_rate": self.learning_rate, **figures}


OnEpoch = Callable[[EpochReport], None]


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
        if isinstance(config.training, HonestTraining):
            model = _train_honest(config, dataset, _device(device), report)
        else:
            from aqa.paper import train_paper

            model = train_paper(config, dataset, _device(device), report)
    model.info = replace(model.info, seed=seed)
    return model.eval()


def start(
    config: ExperimentConfig, dataset: AqaDataset, device: torch.device
) -> tuple[AssessmentModel, Videos]:
    """A fresh model and the training videos in memory."""
    videos = Videos.load(dataset.train, dataset.score_range, device)
    info = ModelInfo(
        score_name=dataset.score_name,
        score_range=dataset.score_range,
        dataset=dataset.name,
        origin=dataset.origin,
        config=config.model_dump(mode="json"),
        training_videos=len(videos),
        clip_counts=videos.clip_counts,
        version=_version(),
    )
    return build_model(config.model, videos.channels, info).to(device), videos


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


def _train_honest(
    config: ExperimentConfig, dataset: AqaDataset, device: torch.device, report: OnEpoch
) -> AssessmentModel:
    recipe = config.training
    assert isinstance(recipe, HonestTraining)
    model, videos = start(config, dataset, device)
    model.set_feature_statistics(*videos.statistics())
    target_std = max(float(videos.targets.std(correction=0)), 1e-6)
    with torch.no_grad():  # predictions start at the mean score
        model.head.score[-1].bias.fill_(videos.targets.mean())
    optimizer = torch.optim.AdamW(_parameter_groups(model, recipe), lr=recipe.learning_rate)
    steps_per_epoch = math.ceil(len(videos) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, _cosine(recipe.warmup_share, recipe.epochs * steps_per_epoch)
    )
    average = {name: value.detach().clone() for name, value in model.named_parameters()}
    history, step = [], 0
    for epoch in range(1, recipe.epochs + 1):
        began, done = time.perf_counter(), []
        rate = optimizer.param_groups[0]["lr"]
        model.train()
        for indices in shuffled_batches(len(videos), recipe.batch_size, device):
            features, lengths = videos.batch(indices)
            output = model(features, lengths=lengths)
            losses = honest_losses(output, videos.targets[indices], recipe, target_std)
            optimizer.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
            optimizer.step()
            schedule.step()
            step += 1
            _update_average(average, model, recipe.weight_average, step)
            done.append({name: loss.detach() for name, loss in losses.items()})
        seconds = time.perf_counter() - began
        epoch_report = EpochReport(epoch, recipe.epochs, mean_losses(done, epoch), rate, seconds)
        history.append(epoch_report.entry())
        report(epoch_report)
    model.load_state_dict(average, strict=False)
    model.info = replace(
        model.info, epochs=recipe.epochs, chosen_on="last epoch", history=tuple(history)
    )
    return model


def _parameter_groups(model: AssessmentModel, recipe: HonestTraining) -> list[dict]:
    """Weight decay for matrices only."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _cosine(warmup_share: float, steps: int) -> Callable[[int], float]:
    """A linear rise over the first share of the steps, then half a cosine down to 0."""
    warmup = max(1, round(warmup_share * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return factor


@torch.no_grad()
def _update_average(
    average: dict[str, Tensor], model: AssessmentModel, decay: float, step: int
) -> None:
    """Exponential moving average of the weights, over fewer steps while there are few."""
    share = max(1 - decay, 9 / (10 + step))
    for name, value in model.named_parameters():
        average[name].lerp_(value, share)


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


def _version() -> str | None:
    try:
        return metadata.version("aqa-pipeline")
    except metadata.PackageNotFoundError:
        return None
