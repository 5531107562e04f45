"""The settings of the default model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aqa.sections import Count, OddCount, Positive, Rate, Section, Share


class ClipModelConfig(Section):
    """One weight and one score per clip: kernel regression and an ensemble of small networks."""

    kind: Literal["clips"] = "clips"
    members: Count = Field(8, description="small networks in the ensemble")
    hidden: Count = Field(64, description="width of their hidden layer")
    weight_hidden: Count = Field(32, description="width of the hidden layer that weighs clips")
    contexts: tuple[OddCount, ...] = Field(
        (5, 15),
        description="a clip is seen with the means of so many clips around it (odd numbers)",
    )
    segments: Count = Field(4, description="equal parts of a video whose means stand for the whole")
    dropout: Rate = Field(
        0.3, description="share of hidden units left out at random while training"
    )
    input_dropout: Rate = Field(
        0.2, description="share of channels left out throughout a video while training"
    )
    appearance_channels: Count = Field(128, description="principal directions of the clips")
    motion_channels: Count = Field(96, description="principal directions of their motion")
    motion_lags: tuple[Count, ...] = Field(
        (1, 2, 3, 4), description="clips between which motion is measured"
    )
    directions: Count = Field(
        256, description="principal directions of the segment means in the kernels"
    )
    variation_channels: Count = Field(
        64, description="directions whose covariance over time a kernel sees"
    )
    variation_shrinkage: Positive = Field(
        0.1, description="pull of that covariance towards the identity"
    )
    kernel_strength: Positive = Field(0.03, description="its ridge: higher is smoother")
    kernel_share: Share = Field(
        0.6, description="of the kernels in the score; the rest is the networks'"
    )
    clip_share: Share = Field(0.2, description="of the clip scores in the networks' part")
