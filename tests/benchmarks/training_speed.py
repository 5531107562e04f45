"""A training epoch of the published Fis-V configuration, ours against a plain transcription.

    python tests/benchmarks/training_speed.py DATA_ROOT [--epochs 2] [--threads 2] [--device cpu]

The plain one reads every video from its file for every batch and uses stock
nn.MultiheadAttention, weights returned, and nn.Dropout. Both take turns in one process; the share
of the matrix-product rate is that of the products which the configuration needs, against one large
product measured in between. Peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import copy
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa import load_config, load_dataset
from aqa.config import PaperTraining, PublishedModelConfig
from aqa.datasets import Example
from aqa.layers import sinusoids
from aqa.loop import shuffled_batches, start
from aqa.paper import paper_optimizer, paper_step


class PlainLayer(nn.Module):
    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        attention = {"dropout": dropout, "batch_first": True}
        self.self_attention = nn.MultiheadAttention(width, heads, **attention)
        self.cross_attention = nn.MultiheadAttention(width, heads, **attention)
        self.linear1, self.linear2 = nn.Linear(width, feedforward), nn.Linear(feedforward, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, memory: Tensor, position: Tensor) -> tuple[Tensor, ...]:
        normed = self.norm1(queries)
        own, _ = self.self_attention(normed + position, normed + position, normed)
        queries = own + self.dropout(own)
        crossed, _ = self.cross_attention(self.norm2(queries) + position, memory, memory)
        queries = queries + self.dropout(crossed)
        hidden = self.dropout(F.relu(self.linear1(self.norm3(queries))))
        return queries + self.dropout(self.linear2(hidden)), own, crossed


class PlainModel(nn.Module):
    """The published network written down as its paper reads."""

    def __init__(self, config: PublishedModelConfig, width: int) -> None:
        super().__init__()
        layer = PlainLayer(width, config.heads, config.feedforward, config.dropout)
        self.config, self.width = config, width
        self.layers = nn.ModuleList(copy.deepcopy(layer) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        first, second = config.head_widths
        self.score, self.weight = (
            nn.Sequential(
                nn.Linear(width, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(),
                nn.Linear(second, 1),
            )
            for _ in range(2)
        )  # fmt: skip

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        count, device = self.config.query_count, features.device
        queries = torch.randn(len(features), count, self.width, device=device)
        queries = queries * self.config.query_std
        position = queries[0] + sinusoids(count, self.width, device)
        attention_loss = 0.0
        for layer in self.layers:
            queries, own, crossed = layer(queries, features, position)
            maps = [(part @ part.transpose(1, 2)) / self.width for part in (own, crossed)]
            attention_loss += F.kl_div(
                maps[0].log_softmax(-1), maps[1].softmax(-1), reduction="sum"
            )
        decoded = self.norm(queries)
        weights = self.weight(decoded).squeeze(-1).softmax(-1)
        return (weights * self.score(decoded).squeeze(-1)).sum(-1), attention_loss


def plain_epoch(
    model: PlainModel,
    optimizer: torch.optim.Optimizer,
    examples: list[Example],
    targets: Tensor,
    recipe: PaperTraining,
) -> None:
    count = model.config.clip_count
    for indices in torch.randperm(len(examples)).split(recipe.batch_size):
        batch = np.zeros((len(indices), count, model.width), np.float32)
        for row, index in zip(batch, indices.tolist(), strict=True):
            video = np.load(examples[index].features_path).astype(np.float32)
            begin = np.random.randint(0, len(video) - count) if len(video) > count else 0
            part = video[begin : begin + count]
            row[: len(part)] = part
        score, attention_loss = model(torch.from_numpy(batch).to(targets.device))
        noisy = score + recipe.prediction_noise * torch.randn_like(score)
        loss = F.mse_loss(noisy, targets[indices]) + attention_loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def products_per_epoch(config: PublishedModelConfig, width: int, videos: int, clips: int) -> float:
    """Floating-point operations of the matrix products of forward and backward passes."""
    queries, feed = config.query_count, config.feedforward
    linear = (
        3 * queries * width * width  # self-attention in
        + queries * width * width  # and out
        + (queries + 2 * clips) * width * width  # cross-attention in
        + queries * width * width  # and out
        + 2 * queries * width * feed
    )
    attention = 2 * queries * width * (queries + clips) + 2 * queries * queries * width
    memory = 2 * clips * width * width  # the features need no gradient
    layer = 3 * (linear + attention) - memory
    first, second = config.head_widths
    head = 2 * 3 * queries * (width * first + first * second + second)
    return 2.0 * videos * (config.layers * layer + head)


def product_rate(device: torch.device, width: int = 1024, rows: int = 4352) -> float:
    """Floating-point operations per second of one large product."""
    left, right = (torch.randn(n, width, device=device) for n in (rows, width))
    for _ in range(3):
        left @ right
    began = seconds(device)
    for _ in range(10):
        left @ right
    return 10 * 2.0 * rows * width * width / (seconds(device) - began)


def seconds(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    config = load_config("fisv-pcs", ["training.recipe=paper"])
    dataset = load_dataset(config, options.data_root)
    recipe = config.training
    model, videos = start(config, dataset, device)
    model.train()
    optimizer = paper_optimizer(model, recipe)
    plain = PlainModel(config.model, videos.channels).to(device).train()
    plain_optimizer = torch.optim.Adam(plain.parameters(), lr=1e-4, weight_decay=1e-5)
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    rates = []
    for _ in range(options.epochs):
        began = seconds(device)
        for step, indices in enumerate(shuffled_batches(len(videos), recipe.batch_size, device), 1):
            batch = videos.cut(indices, config.model.clip_count), videos.targets[indices]
            paper_step(model, recipe, optimizer, step, batch)
        times["ours"].append(seconds(device) - began)
        rates.append(product_rate(device))
        began = seconds(device)
        plain_epoch(plain, plain_optimizer, list(dataset.train), videos.targets, recipe)
        times["plain"].append(seconds(device) - began)
    ours, theirs = (statistics.median(times[name]) for name in ("ours", "plain"))
    work = products_per_epoch(config.model, videos.channels, len(videos), config.model.clip_count)
    rate = statistics.median(rates)
    print(f"{len(videos)} videos, {options.threads} threads, medians of {options.epochs} epochs")
    print(f"plain {theirs:.1f} s, ours {ours:.1f} s: {theirs / ours:.2f} times as fast")
    print(
        f"matrix products: {work / 1e12:.2f} TFLOP an epoch, {rate / 1e9:.0f} GFLOP/s measured; "
        f"ours reaches {work / ours / rate:.0%}, plain {work / theirs / rate:.0%} of it"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
