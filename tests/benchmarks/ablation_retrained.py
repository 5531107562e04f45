"""What each part of the default model's networks is worth: taken out, and the model trained anew.

    python tests/benchmarks/ablation_retrained.py DATA_ROOT FOLDS.csv [--only VARIANT ...]

One seed, the given folds, both scores learned together. Kernels and networks learn apart from each
other, so that what the kernels are worth needs no new training: see ablation.py. Every finished run
in the output folder is kept. Differences are paired over the folds, with standard errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from ablation import DEFAULT as WHOLE
from ablation import SCORES, check_repeated, paired, parts_of, per_score, variants
from aqa.models.clips.ensemble import ClipEnsemble
from torch import Tensor

from aqa import AqaError, load_checkpoint, load_config, load_dataset, read_features
from aqa.experiments.runs import Run, plan, run
from aqa.models.clips import model as clip_model
from aqa.models.clips import projection
from aqa.models.clips.model import ClipModel
from aqa.models.clips.projection import ClipProjection

Patch = Callable[[], AbstractContextManager]


@dataclass(frozen=True)
class Variant:
    """``overrides`` of the config; ``patch`` takes out what has no switch there."""

    name: str
    title: str
    overrides: tuple[str, ...] = ()
    patch: Patch = nullcontext


def no_motion() -> AbstractContextManager:
    """The networks have no motion channels; the kernels keep their mean motion."""
    whole = ClipProjection.forward

    def forward(self: ClipProjection, clips: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        inputs, descriptors = whole(self, clips)
        return inputs[:, : self.appearance], descriptors

    width = property(lambda self: self.appearance)
    return mock.patch.multiple(ClipProjection, forward=forward, width=width)


def no_whitening() -> AbstractContextManager:
    """Principal directions keep their own sizes, with a mean square of 1 over all of them."""

    def scales(values: Tensor) -> Tensor:
        return torch.ones_like(values) / values.mean().sqrt()

    return mock.patch.object(projection, "_half_whitening", scales)


def additive() -> AbstractContextManager:
    """A network's score is the sum of clip weight x clip score, which shape its hidden layers."""
    whole = ClipEnsemble.forward

    def forward(self: ClipEnsemble, inputs: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        _, weights, _, hidden = whole(self, inputs, mask)
        clip_hidden = F.gelu(self._rows(self.clip_hidden, self.dropout(hidden)))
        clip_scores = self._rows(self.clip_score, self.dropout(clip_hidden))
        return (weights * clip_scores).sum(2), weights, clip_scores, hidden

    return mock.patch.object(ClipEnsemble, "forward", forward)


def equal_weights() -> AbstractContextManager:
    """All clips of a video weigh the same."""

    def weights(self: ClipEnsemble, inputs: Tensor, there: Tensor) -> Tensor:
        equal = there / there.sum(2, keepdim=True)
        return equal.expand(*inputs.shape[:3], self.scores)

    return mock.patch.object(ClipEnsemble, "_weights", weights)


def one_kernel() -> AbstractContextManager:
    """One kernel regression that sees all descriptors, each number by its own deviation."""
    whole, widths = ClipProjection.forward, ClipProjection.descriptor_widths.fget

    class Joined(ClipProjection):
        @property
        def descriptor_widths(self) -> dict[str, int]:
            return {"all": sum(widths(self).values())}

        def forward(self, clips: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
            inputs, descriptors = whole(self, clips)
            return inputs, {"all": torch.cat([value.flatten() for value in descriptors.values()])}

    return mock.patch.multiple(
        clip_model, ClipProjection=Joined, KERNELS={"all_of_it": ("all", False)}
    )


DEFAULT = Variant("default", WHOLE)
VARIANTS = (
    DEFAULT,
    Variant("no-motion", "networks without motion", patch=no_motion),
    Variant("additive", "networks without a view of the whole video", ("model.clip_share=1",),
            additive),
    Variant("one-member", "one network instead of eight", ("model.members=1",)),
    Variant("no-correlation", "without the correlation loss", ("training.correlation_loss=0",)),
    Variant("no-contexts", "clips without their surroundings", ("model.contexts=[]",)),
    Variant("no-noise", "without noise on the inputs", ("training.input_noise=0",)),
    Variant("one-kernel", "one kernel regression on everything", patch=one_kernel),
    Variant("no-whitening", "without half whitening, for the networks", patch=no_whitening),
    Variant("no-input-dropout", "without dropped input channels", ("model.input_dropout=0",)),
    Variant("one-segment", "the video in one segment, for the networks", ("model.segments=1",)),
    Variant("equal-weights", "equal clip weights", patch=equal_weights),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--output", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--default", type=Path, default=Path("runs/table/default/pcs"),
                        help="where the table has trained the default model")  # fmt: skip
    parser.add_argument("--only", nargs="*", choices=[variant.name for variant in VARIANTS[1:]])
    options = parser.parse_args()
    lines = [
        "| variant | TES | minus default | PCS | minus default | networks alone: TES | PCS |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    default = None
    for variant in VARIANTS:
        if variant is not DEFAULT and options.only is not None and variant.name not in options.only:
            continue
        output = options.default if variant is DEFAULT else options.output / variant.name
        with variant.patch():
            figures = fold_figures(variant, options.data_root, options.folds, output)
        default = figures if default is None else default
        lines.append(f"| {variant.title} | {' | '.join(columns(figures, default))} |")
        print(lines[-1], flush=True)
    print("\n".join(["", *lines]))


def fold_figures(variant: Variant, data_root: Path, folds: Path, output: Path) -> np.ndarray:
    """Spearman [folds, whole score or networks alone, TES and PCS]."""
    config = load_config("fisv-pcs", variant.overrides)
    dataset = load_dataset(config, data_root)
    assert dataset.all_scores == SCORES
    figures = []
    for task in plan(config, dataset, output, folds=folds):
        if not finished(task):
            run(task)
        figures.append(agreement(task))
    return np.array(figures)


def finished(task: Run) -> bool:
    """Whether the folder holds this training.

    Whatever version wrote it: the config decides, and that the checkpoint repeats the scores of the
    held-out videos, in :func:`agreement`.
    """
    try:
        info = load_checkpoint(task.folder / "model.pt").info
    except AqaError:
        return False
    whole = (task.folder / "result.json").exists()
    return whole and (info.config, info.seed) == (task.config.model_dump(mode="json"), task.seed)


@torch.no_grad()
def agreement(task: Run) -> np.ndarray:
    """Spearman [whole score or networks alone, TES and PCS] over the held-out videos of a run."""
    model = load_checkpoint(task.folder / "model.pt")
    assert isinstance(model, ClipModel)
    examples = task.dataset.test
    parts = [parts_of(model, read_features(example.features_path)) for example in examples]
    true = np.array([example.all_scores for example in examples])
    titles = (WHOLE, "networks alone")
    chosen = [variants(model)[title] for title in titles]
    whole, networks = (torch.stack([of(part) for part in parts]).numpy() for of in chosen)
    check_repeated(task.folder, model, whole)
    return np.array([per_score(whole, true), per_score(networks, true)])


def columns(figures: np.ndarray, default: np.ndarray) -> Sequence[str]:
    texts = []
    for place in range(len(SCORES)):
        texts.append(f"{figures[:, 0, place].mean():.3f}")
        texts.append(paired(figures[:, 0, place], default[:, 0, place]))
    return [*texts, *(f"{figures[:, 1, place].mean():.3f}" for place in range(len(SCORES)))]


if __name__ == "__main__":
    main()
