"""A training epoch of the published Fis-V configuration, ours against a plain transcription.

    python tests/benchmarks/training_speed.py DATA_ROOT [--epochs 2] [--steps N] [--threads 2]

The plain one reads every video from its file for every batch and uses stock
nn.MultiheadAttention, weights returned, nn.Dropout and Adam as they are; with bfloat16 products it
runs under stock autocast. All take turns, a step each, in one process. Shares are those of the
matrix products that each has to do, of the rate of one large product of its precision, measured in
between. What was predicted, changed and measured: docs/training-speed.md.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa import AqaError, ExperimentConfig, load_config, load_dataset
from aqa.data.dataset import AqaDataset
from aqa.models import PublishedModelConfig
from aqa.models.parts.precision import check_precision, products_in
from aqa.models.published.decoder import sinusoids
from aqa.training.epochs import shuffled_batches, start
from aqa.training.paper import paper_optimizer, paper_step

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


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


def plain_steps(
    config: ExperimentConfig, dataset: AqaDataset, device: torch.device
) -> Iterator[int]:
    """Epoch after epoch; every step gives the number of its videos."""
    recipe, examples = config.training, dataset.train
    low, high = dataset.score_range
    targets = torch.tensor([(e.score - low) / (high - low) for e in examples], device=device)
    width = np.load(examples[0].features_path).shape[1]
    model = PlainModel(config.model, width).to(device).train()
    optimizer = torch.optim.Adam(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    count = config.model.clip_count
    while True:
        for indices in torch.randperm(len(examples)).split(recipe.batch_size):
            batch = np.zeros((len(indices), count, width), np.float32)
            for row, index in zip(batch, indices.tolist(), strict=True):
                video = np.load(examples[index].features_path).astype(np.float32)
                begin = np.random.randint(0, len(video) - count) if len(video) > count else 0
                part = video[begin : begin + count]
                row[: len(part)] = part
            with products_in(recipe.precision, device):
                score, attention_loss = model(torch.from_numpy(batch).to(device))
            noisy = score + recipe.prediction_noise * torch.randn_like(score)
            loss = F.mse_loss(noisy.float(), targets[indices.to(device)]) + attention_loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield len(indices)


def our_steps(config: ExperimentConfig, dataset: AqaDataset, device: torch.device) -> Iterator[int]:
    """As :func:`aqa.training.paper.train_paper` does them, without its evaluation."""
    recipe, step = config.training, 0
    model, videos = start(config, dataset, device)
    model.train()
    optimizer = paper_optimizer(model, recipe)
    while True:
        for indices in shuffled_batches(len(videos), recipe.batch_size, device):
            step += 1
            batch = videos.cut(indices, config.model.clip_count), videos.targets[indices]
            paper_step(model, recipe, optimizer, step, batch)
            yield len(indices)


def products_per_video(config: PublishedModelConfig, width: int, ours: bool) -> float:
    """Floating-point operations of the matrix products of a forward and a backward pass.

    What attention computes a second time instead of keeping it does not count.
    """
    queries, clips, feed = config.query_count, config.clip_count, config.feedforward
    square = width * width
    linear = (6 * queries + 2 * clips) * square + 2 * queries * width * feed
    attention = 2 * queries * width * (queries + clips)
    gram = 2 * queries * queries * width  # of both attention outputs
    layer = 3 * (linear + attention + gram) - 2 * clips * square  # features need no gradient
    first, second = config.head_widths
    head = 2 * 3 * queries * (width * first + first * second + second)
    total = config.layers * layer + head
    if ours:  # no input gradient for drawn queries; one product for a Gram matrix's gradient
        total -= 3 * queries * square + config.layers * gram
    return 2.0 * total


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of one large product, the shape of the most frequent.

    As torch does it, on a CPU by MKL: ours may be faster (aqa/models/published/products.py)."""
    rows, width, times = 4352, 1024, 3
    left, right = (torch.randn(n, width, device=device).to(dtype) for n in (rows, width))
    left @ right
    began = seconds(device)
    for _ in range(times):
        left @ right
    return times * 2.0 * rows * width * width / (seconds(device) - began)


def seconds(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def contenders(
    data_root: Path, device: torch.device
) -> tuple[ExperimentConfig, AqaDataset, dict[tuple[str, str], Iterator[int]]]:
    """Configuration, data, and the steps of each (name, precision) that this device can do."""
    found = {}
    for precision in DTYPES:
        try:
            check_precision(precision, device)
        except AqaError as error:
            print(error)
            continue
        overrides = ["training.recipe=paper", f"training.precision={precision}"]
        config = load_config("fisv-pcs", overrides)
        dataset = load_dataset(config, data_root)
        found["plain", precision] = plain_steps(config, dataset, device)
        found["ours", precision] = our_steps(config, dataset, device)
    return config, dataset, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--steps", type=int, help="of an epoch, scaled up to one; default: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    config, dataset, steps = contenders(options.data_root, device)
    videos, batch_size = len(dataset.train), config.training.batch_size
    width = np.load(dataset.train[0].features_path).shape[1]
    per_epoch = options.steps or -(-videos // batch_size)
    epochs: dict[tuple[str, str], list[float]] = {who: [] for who in steps}
    rates: dict[str, list[float]] = {precision: [] for _, precision in steps}
    for step in steps.values():  # the first one also prepares things: it does not count
        next(step)
    for _ in range(options.epochs):
        spent, seen = dict.fromkeys(steps, 0.0), dict.fromkeys(steps, 0)
        for _ in range(per_epoch):
            for who, step in steps.items():
                began = seconds(device)
                seen[who] += next(step)
                spent[who] += seconds(device) - began
            for precision, found in rates.items():
                found.append(product_rate(device, DTYPES[precision]))
        for who in steps:
            epochs[who].append(spent[who] * videos / seen[who])
    best = {who: statistics.median(times) for who, times in epochs.items()}
    print(f"{videos} videos, {options.threads} threads, medians of {options.epochs} epochs")
    for (name, precision), took in best.items():
        work = videos * products_per_video(config.model, width, name == "ours")
        rate = statistics.median(rates[precision])
        print(
            f"{name:5} {precision:7} {took:7.1f} s, {best['plain', 'float32'] / took:.2f} times as "
            f"fast as plain float32, {best['plain', precision] / took:.2f} as plain {precision}; "
            f"{work / 1e12:.2f} TFLOP of products, {work / took / rate:.0%} of the measured "
            f"{rate / 1e9:.0f} GFLOP/s"
        )


if __name__ == "__main__":
    main()
