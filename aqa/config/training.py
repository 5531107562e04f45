"""The sections of a config that say how a model is trained: one for each recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aqa.sections import Count, NotNegative, Positive, Precision, Rate, Section

_RECIPE = "paper chooses its epoch on the evaluation split, and says so"
_THREADS = "CPU threads of one training; their number changes the last digits"
_PRECISION = "of the matrix products; bf16 pays on wide models, scoring is float32"
_EPOCHS = "passes over the training videos"
_BATCH = "videos a step"
_ATTENTION = "weight of the attention loss of model.kind published"
_RATE = "the highest, after the warm-up; lower it if training diverges"
_DECAY = "shrinks the weights a little at each step"


class HonestTraining(Section):
    """Deterministic, whole videos, no look at the evaluation split, last epoch."""

    recipe: Literal["honest"] = Field("honest", description=_RECIPE)
    threads: Count = Field(1, description=_THREADS)
    precision: Precision = Field("float32", description=_PRECISION)
    epochs: Count = Field(30, description=_EPOCHS)
    batch_size: Count = Field(32, description=_BATCH)
    learning_rate: Positive = Field(2e-3, description=_RATE)
    weight_decay: NotNegative = Field(0.05, description=_DECAY)
    warmup_share: Rate = Field(
        0.1, description="share of the steps with a rising rate, before the cosine"
    )
    gradient_clip: Positive = Field(14.0, description="largest norm of the gradient")
    score_loss: NotNegative = Field(
        1.0, description="weight of the squared error, in variances of the training scores"
    )
    correlation_loss: NotNegative = Field(
        0.5, description="weight of 1 - Pearson's correlation within the batch"
    )
    attention_loss: NotNegative = Field(1.0, description=_ATTENTION)
    view_clips: Count = Field(
        34, description="about as many clips of a video, evenly spread, are seen in a step"
    )
    input_noise: NotNegative = Field(0.2, description="deviation of the noise added to the inputs")


class PaperTraining(Section):
    """As published: the epoch is chosen on the evaluation split, and every number says so."""

    recipe: Literal["paper"] = Field("paper", description=_RECIPE)
    threads: Count = Field(2, description=_THREADS)
    precision: Precision = Field("float32", description=_PRECISION)
    epochs: Count = Field(1000, description=_EPOCHS)
    batch_size: Count = Field(32, description=_BATCH)
    learning_rate: Positive = Field(1e-4, description="at the start")
    weight_decay: NotNegative = Field(1e-5, description=_DECAY)
    decay_every_steps: Count = Field(400, description="steps after which the learning rate falls")
    decay_factor: Positive = Field(0.1, description="and to which share of it")
    prediction_noise: NotNegative = Field(
        0.05, description="deviation of the noise added to predictions while training"
    )
    attention_loss: NotNegative = Field(1.0, description=_ATTENTION)


class FitTraining(Section):
    """Of the baselines: solved in one step."""

    recipe: Literal["fit"] = Field("fit", description=_RECIPE)
    threads: Count = Field(1, description=_THREADS)
    epochs: Literal[1] = Field(1, description="solved in one step")


TrainingConfig = HonestTraining | PaperTraining | FitTraining
RECIPES: dict[str, type[Section]] = {
    section.model_fields["recipe"].default: section
    for section in (HonestTraining, PaperTraining, FitTraining)
}
