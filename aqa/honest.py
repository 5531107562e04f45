"""The honest recipe: whole videos, averaged weights, last epoch; the test videos are not seen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from aqa.config import ExperimentConfig, HonestTraining
from aqa.datasets import AqaDataset
from aqa.loop import EpochReport, OnEpoch, mean_losses, shuffled_batches, start
from aqa.losses import honest_losses
from aqa.model import AssessmentModel
from aqa.snapshot import Snapshot


def train_honest(
    config: ExperimentConfig,
    dataset: AqaDataset,
    device: torch.device,
    report: OnEpoch,
    snapshot: Snapshot,
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
    history, step, first = [], 0, 1
    if (state := snapshot.load()) is not None:
        for part, name in ((model, "model"), (optimizer, "optimizer"), (schedule, "schedule")):
            part.load_state_dict(state[name])
        average = {name: value.to(device) for name, value in state["average"].items()}
        history, step, first = state["history"], state["step"], state["epoch"] + 1
    for epoch in range(first, recipe.epochs + 1):
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
        snapshot.save(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "average": average,
                "history": history,
                "step": step,
                "epoch": epoch,
            }
        )
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
