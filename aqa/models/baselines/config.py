"""The settings of the baselines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aqa.sections import Count, Positive, Section


class MeanConfig(Section):
    """The mean training score for every video."""

    kind: Literal["mean"] = "mean"


class RidgeConfig(Section):
    """Ridge regression on the means of equal segments; its strength by leaving one out."""

    kind: Literal["ridge"] = "ridge"
    segments: Count = Field(4, description="equal parts of a video whose means stand for the whole")


class KernelRidgeConfig(Section):
    """Kernel ridge regression on the standardised means of equal segments:
    exp(-gamma * mean squared difference)."""

    kind: Literal["kernel-ridge"] = "kernel-ridge"
    segments: Count = Field(4, description="equal parts of a video whose means stand for the whole")
    gamma: Positive = Field(0.5, description="kernel exp(-gamma * mean squared difference)")
    regularisation: Positive = Field(0.02, description="ridge strength: higher is smoother")


BaselineConfig = MeanConfig | RidgeConfig | KernelRidgeConfig
