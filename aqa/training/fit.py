"""The recipe of the baselines: scikit-learn solves them in one step, on the training videos."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from aqa.config.experiment import ExperimentConfig, KernelRidgeConfig, MeanConfig, RidgeConfig
from aqa.data.dataset import AqaDataset
from aqa.models.baselines import BaselineModel, pool
from aqa.training.epochs import EpochReport, OnEpoch, start
from aqa.training.snapshot import Snapshot

# Ridge chooses among these strengths on the training videos, each left out once.
_STRENGTHS = np.logspace(1, 7, 25)


def fit_baseline(
    config: ExperimentConfig,
    dataset: AqaDataset,
    device: torch.device,
    report: OnEpoch,
    snapshot: Snapshot,
) -> BaselineModel:
    """Solve on ``dataset.train``; there is no epoch to choose, and nothing to go on from."""
    began = time.perf_counter()
    model, videos = start(config, dataset, device)
    assert isinstance(model, BaselineModel)
    targets = videos.targets.cpu().double().numpy()
    model.bias.fill_(float(targets.mean()))
    if not isinstance(model.config, MeanConfig):
        pooled = torch.stack([pool(clips, model.config.segments) for clips in videos.each()])
        model.pooled_mean.copy_(pooled.mean(0))
        model.pooled_std.copy_(pooled.std(0, correction=0).clamp_min(1e-6))
        standard = (pooled - model.pooled_mean) / model.pooled_std
        model.coefficients.copy_(_solve(model.config, standard, targets - targets.mean()))
        if isinstance(model.config, KernelRidgeConfig):
            model.known.copy_(standard)
    fitted = torch.stack([model.score(clips) for clips in videos.each()])
    error = float((fitted - videos.targets).square().mean())
    done = EpochReport(1, 1, {"score": error, "total": error}, 0.0, time.perf_counter() - began)
    report(done)
    model.info = replace(model.info, epochs=1, chosen_on="closed form", history=(done.entry(),))
    return model


def _solve(config: RidgeConfig | KernelRidgeConfig, pooled: Tensor, targets: np.ndarray) -> Tensor:
    """Coefficients of the pooled channels, or of the training videos."""
    inputs = pooled.cpu().double().numpy()
    if isinstance(config, RidgeConfig):
        from sklearn.linear_model import RidgeCV

        return torch.from_numpy(RidgeCV(_STRENGTHS, fit_intercept=False).fit(inputs, targets).coef_)
    from sklearn.kernel_ridge import KernelRidge

    # The mean, not the sum, of squared differences: gamma means the same for every width.
    solver = KernelRidge(
        alpha=config.regularisation, kernel="rbf", gamma=config.gamma / inputs.shape[1]
    )
    return torch.from_numpy(solver.fit(inputs, targets).dual_coef_)
