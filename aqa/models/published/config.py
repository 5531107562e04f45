"""The settings of the published model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from aqa.sections import Count, NotNegative, Rate, Section


class PublishedModelConfig(Section):
    """Q queries, learned or drawn anew, as published (BMVC 2024)."""

    kind: Literal["published"] = "published"
    query_count: Count = Field(136, description="queries that attend to the clips")
    query_std: NotNegative = Field(
        1.0, description="1: learned queries; else drawn from N(0, query_std^2)"
    )
    position_encoding: Literal["no", "query_pe", "memory_pe", "query_memory_pe"] = Field(
        "query_pe", description="where positions are added"
    )
    clip_count: Count | None = Field(
        None, description="videos are cut or zero-padded to it; null: as they are"
    )
    width: Count | None = Field(
        None, description="of the tokens; null: that of the features, without a projection"
    )
    layers: Count = Field(2, description="decoder layers")
    heads: Count = Field(4, description="attention heads; they divide the width")
    feedforward: Count = Field(1024, description="width of the feed-forward layers")
    head_widths: tuple[Count, Count] = Field(
        (512, 256), description="hidden layers of the score head"
    )
    dropout: Rate = Field(0.7, description="share of hidden units left out while training")
    attention_dropout: Rate = Field(
        0.7, description="share of attention weights left out while training"
    )

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> PublishedModelConfig:
        if self.width and self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of its {self.heads} heads")
        return self
