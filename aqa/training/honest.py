"""The honest recipe: whole videos, last epoch, and no look at the test videos."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from aqa.config import ExperimentConfig, HonestTraining
from aqa.data import AqaDataset
from aqa.models import ScoringModel, check_precision, products_in
from aqa.training.epochs import EpochReport, OnEpoch, mean_losses, shuffled_batches, start
from aqa.training.snapshot import Snapshot


def train_honest(
    config: ExperimentConfig,
    dataset: AqaDataset,
    device: torch.device,
    report: OnEpoch,
    snapshot: Snapshot,
) -> ScoringModel:
    """Closed-form parts first (``model.prepare``), then the networks by gradient descent."""
    recipe = config.training
    assert isinstance(recipe, HonestTraining)
    check_precision(recipe.precision, device)
    model, videos = start(config, dataset, device)
    inputs = model.prepare(videos)
    optimizer = torch.optim.AdamW(_parameter_groups(model, recipe), lr=recipe.learning_rate)
    stride = max(1, round(inputs.median_length / recipe.view_clips))
    steps_per_epoch = math.ceil(len(videos) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, _cosine(recipe.warmup_share, recipe.epochs * steps_per_epoch)
    )
    history, first = [], 1
    if (state := snapshot.load()) is not None:
        for part, name in ((model, "model"), (optimizer, "optimizer"), (schedule, "schedule")):
            part.load_state_dict(state[name])
        history, first = state["history"], state["epoch"] + 1
    for epoch in range(first, recipe.epochs + 1):
        done = []
        rate = optimizer.param_groups[0]["lr"]
        model.train()
        for indices in shuffled_batches(len(videos), recipe.batch_size, device):
            batch, lengths = inputs.batch(indices, stride)
            if recipe.input_noise:
                batch = batch + recipe.input_noise * torch.randn_like(batch)
            targets = inputs.all_targets[indices]
            with products_in(recipe.precision, device):
                losses = model.training_losses(batch, lengths, targets, recipe)
            optimizer.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
            optimizer.step()
            schedule.step()
            done.append({name: loss.detach() for name, loss in losses.items()})
        epoch_report = EpochReport(epoch, recipe.epochs, mean_losses(done, epoch), rate)
        history.append(epoch_report.entry())
        report(epoch_report)
        snapshot.save(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "history": history,
                "epoch": epoch,
            }
        )
    model.info = replace(
        model.info, epochs=recipe.epochs, chosen_on="last epoch", history=tuple(history)
    )
    return model


def _parameter_groups(model: ScoringModel, recipe: HonestTraining) -> list[dict]:
    """Weight decay for matrices only; the biases of an ensemble's members are [M, 1, n]."""
    named = list(model.named_parameters())
    matrices = [p for name, p in named if p.ndim > 1 and not name.endswith("bias")]
    rest = [p for name, p in named if p.ndim <= 1 or name.endswith("bias")]
    return [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]


def _cosine(warmup_share: float, steps: int) -> Callable[[int], float]:
    """A linear rise over the first share of the steps, then half a cosine down to 0."""
    warmup = max(1, round(warmup_share * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return factor
