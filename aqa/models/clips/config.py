"""The settings of the default model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aqa.sections import Count, Positive, Section


class ClipModelConfig(Section):
    """Points for every clip, which add up to the score: kernel regression, solved at once."""

    kind: Literal["clips"] = "clips"
    appearance_channels: Count = Field(256, description="principal directions of the clips")
    motion_channels: Count = Field(192, description="principal directions of their motion")
    motion_lags: tuple[Count, ...] = Field(
        (1, 2, 3), description="clips between which motion is measured"
    )
    waves: Count = Field(
        8192, description="random waves that stand for how alike two clips are; more are exacter"
    )
    sharpness: Positive = Field(
        2.0, description="how fast likeness falls: to exp(-sharpness) at the usual distance"
    )
    phases: tuple[Count, ...] = Field(
        (3, 9), description="what a clip is worth changes over so many points of a routine"
    )
    strength: Positive = Field(0.01, description="of the ridge: higher is smoother")
    members: Count = Field(
        5, description="each leaves out its share of the training videos: how sure points are"
    )
