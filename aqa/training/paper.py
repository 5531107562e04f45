"""The published training, as it is (DESIGN.md section 6, "Reference training").

Its epoch is chosen on the evaluation split, with random queries and random cuts there too: every
figure that comes out of it is marked ``chosen on the evaluation split``.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from aqa import metrics
from aqa.config import ExperimentConfig, PaperTraining
from aqa.data import AqaDataset, Videos
from aqa.errors import AqaError
from aqa.models import ModelOutput, PublishedModel, check_precision, products_in
from aqa.training.epochs import EpochReport, OnEpoch, mean_losses, shuffled_batches, start
from aqa.training.snapshot import Snapshot

CHOSEN_ON = "chosen on the evaluation split"


def paper_losses(output: ModelOutput, targets: Tensor, config: PaperTraining) -> dict[str, Tensor]:
    """Squared error of the prediction, with the configured noise on it, and the attention loss,
    summed over the batch as published. Targets [B] are label / range."""
    prediction = output.score
    if config.prediction_noise:
        prediction = prediction + config.prediction_noise * torch.randn_like(prediction)
    return {
        "score": F.mse_loss(prediction, targets),
        "attention": config.attention_loss * output.attention_loss,
    }


def paper_rate(recipe: PaperTraining, step: int) -> float:
    """Learning rate of step 1, 2, ...: the published StepLR is stepped once an iteration and
    *before* the optimizer, so that step 400 is the first with a tenth of it."""
    return recipe.learning_rate * recipe.decay_factor ** (step // recipe.decay_every_steps)


def paper_optimizer(model: PublishedModel, recipe: PaperTraining) -> torch.optim.Adam:
    return torch.optim.Adam(model.parameters(), weight_decay=recipe.weight_decay, fused=True)


def paper_step(
    model: PublishedModel,
    recipe: PaperTraining,
    optimizer: torch.optim.Optimizer,
    step: int,
    batch: tuple[Tensor, Tensor],
) -> dict[str, Tensor]:
    """Step number ``step`` (from 1) on features [B, T, C] and targets [B] -> its named losses."""
    features, targets = batch
    with products_in(recipe.precision, features.device):
        output = model(features)
    losses = paper_losses(output, targets, recipe)
    for group in optimizer.param_groups:
        group["lr"] = paper_rate(recipe, step)
    optimizer.zero_grad()
    torch.stack(list(losses.values())).sum().backward()
    optimizer.step()
    return {name: loss.detach() for name, loss in losses.items()}


def train_paper(
    config: ExperimentConfig,
    dataset: AqaDataset,
    device: torch.device,
    report: OnEpoch,
    snapshot: Snapshot,
) -> PublishedModel:
    """Train on ``dataset.train`` and keep the epoch with the best Spearman on ``dataset.test``."""
    recipe = config.training
    assert isinstance(recipe, PaperTraining)
    check_precision(recipe.precision, device)
    if len(dataset.test) < 2:
        raise AqaError(
            "training.recipe paper chooses its epoch on the evaluation split: "
            f"{dataset.name} has {len(dataset.test)} test videos"
        )
    model, videos = start(config, dataset, device)
    held_out = Videos.load(dataset.test, dataset.score_range, device, videos.channels)
    optimizer, step = paper_optimizer(model, recipe), 0
    best, best_epoch, best_state = -1.0, 0, copy.deepcopy(model.state_dict())
    history, first = [], 1
    if (state := snapshot.load()) is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        best, best_epoch, best_state = state["best"], state["best_epoch"], state["best_state"]
        history, step, first = state["history"], state["step"], state["epoch"] + 1
    for epoch in range(first, recipe.epochs + 1):
        done = []
        model.train()
        for indices in shuffled_batches(len(videos), recipe.batch_size, device):
            batch = _paper_batch(model, videos, indices), videos.targets[indices]
            step += 1
            done.append(paper_step(model, recipe, optimizer, step, batch))
        figures = _evaluate_as_published(model, held_out, recipe.batch_size)
        if figures["spearman"] > best:
            best, best_epoch = figures["spearman"], epoch
            best_state = copy.deepcopy(model.state_dict())
        epoch_report = EpochReport(
            epoch,
            recipe.epochs,
            mean_losses(done, epoch),
            paper_rate(recipe, step),
            {**figures, "best_spearman": best},
        )
        history.append(epoch_report.entry())
        report(epoch_report)
        snapshot.save(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "best": best,
                "best_epoch": best_epoch,
                "best_state": best_state,
                "history": history,
                "step": step,
                "epoch": epoch,
            }
        )
    model.load_state_dict(best_state)
    model.info = replace(model.info, epochs=best_epoch, chosen_on=CHOSEN_ON, history=tuple(history))
    return model


def _paper_batch(model: PublishedModel, videos: Videos, indices: Tensor) -> Tensor:
    """Zero padding without a mask, and a random cut where videos are longer, as published."""
    count = model.config.clip_count
    if count is not None:
        return videos.cut(indices, count)
    return videos.batch(indices)[0]


@torch.no_grad()
def _evaluate_as_published(
    model: PublishedModel, videos: Videos, batch_size: int
) -> dict[str, float]:
    """One random cut and, where they are drawn, fresh queries per video."""
    model.eval()
    scores = []
    for indices in torch.arange(len(videos), device=videos.targets.device).split(batch_size):
        drawn = model.config.query_std != 1
        queries = model.draw_queries(len(indices)) if drawn else None
        scores.append(model(_paper_batch(model, videos, indices), queries).score)
    predicted, true = torch.cat(scores).cpu().numpy(), videos.targets.cpu().numpy()
    return {
        "spearman": metrics.spearman(predicted, true),
        "relative_l2": metrics.relative_l2(predicted, true),
    }
