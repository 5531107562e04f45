"""What the sections of a config are made of: their base class and the kinds of values they hold.

A section is frozen, every key in it is known, and ``Field(description=...)`` says what a key is:
``train --init-config`` prints that text.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of an experiment's config; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"{number} is even, a clip has as many before it as after it")
    return number


Count = Annotated[int, Field(ge=1, strict=True)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
OddCount = Annotated[int, Field(ge=1, strict=True), AfterValidator(_odd)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Precision = Literal["float32", "bf16"]
