"""One experiment: data set, declared feature origin, model and training recipe.

YAML becomes frozen, validated objects once. Every default lives here; an unknown key or a wrong
type is an AqaError that names the key and the file.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from aqa.errors import AqaError

# What the published configurations of each data set say (DESIGN.md section 6, "Reference
# training"); filled in where `recipe: paper` leaves them open.
_PUBLISHED: dict[str, dict[str, float | None]] = {
    "fisv": {"query_count": 136, "clip_count": 136, "query_std": 5.0, "batch_size": 32},
    "rg": {"query_count": 68, "clip_count": 68, "query_std": 2.0, "batch_size": 48},
    "logo": {"query_count": 48, "clip_count": None, "query_std": 0.5, "batch_size": 48},
}
# Sizes of the default model that fit another data set than Fis-V: LOGO's 48 clips are spread over a
# routine, 4 seconds apart where the others' are 1.3; RG has about 74, of which a step sees half.
_FITTING: dict[str, dict[str, dict[str, Any]]] = {
    "logo": {
        "model": {"contexts": (3, 7), "motion_lags": (1, 2), "variation_channels": 32},
        "training": {"view_clips": 48},
    },
    "rg": {"model": {}, "training": {"view_clips": 37}},
}
DEFAULT_SCORES = {"fisv": "pcs", "rg": "total", "logo": "total", "csv": "score"}
DEFAULT_RANGES = {"fisv": (0.0, 43.0), "rg": (0.0, 25.0), "logo": (0.0, 100.0)}


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


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetConfig(_Section):
    """Which labels and features. Paths are relative to the data root unless absolute."""

    kind: Literal["logo", "fisv", "rg", "csv"]
    score: str | None = None  # fisv: tes, pcs; rg: total, difficulty, execution; csv: its name
    jointly: tuple[str, ...] = ()  # fisv, rg: scores that model.kind clips learns together
    apparatus: Literal["Ball", "Clubs", "Hoop", "Ribbon"] | None = None  # rg only
    features: Path | None = None  # folder of feature files; None: where the layout has it
    labels: Path | None = None  # label file or the folder that holds it
    score_range: tuple[float, float] | None = None  # None: of the data set; csv: of its scores

    @model_validator(mode="after")
    def _consistent(self) -> DatasetConfig:
        scores = {
            "fisv": ("tes", "pcs"),
            "rg": ("total", "difficulty", "execution"),
            "logo": ("total",),
        }
        allowed = scores.get(self.kind)
        if allowed and self.score is not None and self.score not in allowed:
            raise ValueError(f"score {self.score!r}: {self.kind} has {', '.join(allowed)}")
        if self.jointly and (not allowed or set(self.jointly) - set(allowed)):
            raise ValueError(f"jointly {list(self.jointly)}: {self.kind} has {allowed or 'one'}")
        if self.jointly and self.score_name not in self.jointly:
            raise ValueError(f"jointly {list(self.jointly)} lacks the score {self.score_name}")
        if (self.kind == "rg") != (self.apparatus is not None):
            raise ValueError("apparatus must be given for kind rg, and for no other")
        if self.score_range and not self.score_range[0] < self.score_range[1]:
            raise ValueError(f"score_range {list(self.score_range)}: expected [lowest, highest]")
        return self

    @property
    def score_name(self) -> str:
        return self.score or DEFAULT_SCORES[self.kind]


class FeaturesConfig(_Section):
    """The declared origin of features that have no provenance of their own."""

    backbone: str
    weights: str
    weights_digest: str | None = None
    protocol: str


class ClipModelConfig(_Section):
    """One weight and one score per clip: kernel regression and an ensemble of small networks."""

    kind: Literal["clips"] = "clips"
    members: Count = 8
    hidden: Count = 64
    weight_hidden: Count = 32
    contexts: tuple[OddCount, ...] = (5, 15)  # clips around each, whose means it is seen with
    segments: Count = 4  # equal parts of the video, in the networks' view of the whole
    dropout: Rate = 0.3
    input_dropout: Rate = 0.2  # of a channel throughout a video
    appearance_channels: Count = 128  # principal directions of the clips
    motion_channels: Count = 96  # principal directions of their motion
    motion_lags: tuple[Count, ...] = (1, 2, 3, 4)  # clips between which motion is measured
    directions: Count = 256  # principal directions in the kernels' segment means
    variation_channels: Count = 64  # directions whose covariance over time a kernel sees
    variation_shrinkage: Positive = 0.1
    kernel_strength: Positive = 0.03  # ridge
    kernel_share: Share = 0.6  # of the kernels in the score; the rest is the networks'
    clip_share: Share = 0.2  # of the clip scores in the networks' part


class PublishedModelConfig(_Section):
    """Q queries, learned or drawn anew, as published (BMVC 2024)."""

    kind: Literal["published"] = "published"
    query_count: Count = 136
    query_std: NotNegative = 1.0  # 1: learned queries; else drawn from N(0, query_std^2)
    position_encoding: Literal["no", "query_pe", "memory_pe", "query_memory_pe"] = "query_pe"
    clip_count: Count | None = None  # videos are cut or zero-padded to it; None: as they are
    width: Count | None = None  # None: that of the features, without a projection
    layers: Count = 2
    heads: Count = 4
    feedforward: Count = 1024
    head_widths: tuple[Count, Count] = (512, 256)
    dropout: Rate = 0.7
    attention_dropout: Rate = 0.7


class MeanConfig(_Section):
    """The mean training score for every video."""

    kind: Literal["mean"] = "mean"


class RidgeConfig(_Section):
    """Ridge regression on the means of equal segments; its strength by leaving one out."""

    kind: Literal["ridge"] = "ridge"
    segments: Count = 4


class KernelRidgeConfig(_Section):
    """Kernel ridge regression on the standardised means of equal segments:
    exp(-gamma * mean squared difference)."""

    kind: Literal["kernel-ridge"] = "kernel-ridge"
    segments: Count = 4
    gamma: Positive = 0.5
    regularisation: Positive = 0.02


BaselineConfig = MeanConfig | RidgeConfig | KernelRidgeConfig
BASELINES = (MeanConfig, RidgeConfig, KernelRidgeConfig)
ModelConfig = ClipModelConfig | PublishedModelConfig | BaselineConfig


class HonestTraining(_Section):
    """Deterministic, whole videos, no look at the evaluation split, last epoch."""

    recipe: Literal["honest"] = "honest"
    threads: Count = 1  # CPU threads: their number is part of what decides the weights
    precision: Precision = "float32"  # of the matrix products in training; scoring is in float32
    epochs: Count = 30
    batch_size: Count = 32
    learning_rate: Positive = 2e-3
    weight_decay: NotNegative = 0.05
    warmup_share: Rate = 0.1  # share of the steps with a rising rate, before the cosine
    weight_average: Rate = 0.0  # decay per step of averaged weights that are kept; 0: none
    gradient_clip: Positive = 14.0  # largest norm, over all members of an ensemble
    score_loss: NotNegative = 1.0  # squared error in variances of the training scores
    correlation_loss: NotNegative = 0.5  # 1 - Pearson's correlation within the batch
    attention_loss: NotNegative = 1.0  # model.kind published has one
    view_clips: Count = 34  # clips of a video, evenly spread, that a step sees (about)
    input_noise: NotNegative = 0.2  # deviation of what is added to the networks' inputs


class PaperTraining(_Section):
    """As published: the epoch is chosen on the evaluation split, and every number says so."""

    recipe: Literal["paper"] = "paper"
    threads: Count = 2
    precision: Precision = "float32"
    epochs: Count = 1000
    batch_size: Count = 32
    learning_rate: Positive = 1e-4
    weight_decay: NotNegative = 1e-5
    decay_every_steps: Count = 400
    decay_factor: Positive = 0.1
    prediction_noise: NotNegative = 0.05
    attention_loss: NotNegative = 1.0


class FitTraining(_Section):
    """Of the baselines: solved in one step."""

    recipe: Literal["fit"] = "fit"
    threads: Count = 1
    epochs: Literal[1] = 1


TrainingConfig = HonestTraining | PaperTraining | FitTraining


class ExperimentConfig(_Section):
    name: str = "experiment"
    dataset: DatasetConfig
    features: FeaturesConfig | None = None
    model: Annotated[ModelConfig, Field(discriminator="kind")] = ClipModelConfig()
    training: Annotated[TrainingConfig, Field(discriminator="recipe")] = HonestTraining()

    @model_validator(mode="before")
    @classmethod
    def _fill_choices(cls, content: Any) -> Any:
        """Name the two choices that may be left out, and what the paper says about the rest."""
        if not isinstance(content, dict):
            return content
        model = content.get("model") or {}
        training = content.get("training") or {}
        if not (isinstance(model, dict) and isinstance(training, dict)):
            return content
        baseline = model.get("kind") in ("mean", "ridge", "kernel-ridge")
        training = {"recipe": "fit" if baseline else "honest", **training}
        paper = training["recipe"] == "paper"
        model = {"kind": "published" if paper else "clips", **model}
        dataset = content.get("dataset")
        kind = dataset.get("kind", "") if isinstance(dataset, dict) else ""
        published = _PUBLISHED.get(kind)
        if model["kind"] == "clips" and training["recipe"] == "honest" and kind in _FITTING:
            model = _FITTING[kind]["model"] | model
            training = _FITTING[kind]["training"] | training
        if paper and published:
            training.setdefault("batch_size", published["batch_size"])
            for key in ("query_count", "clip_count", "query_std"):
                if model["kind"] == "published":
                    model.setdefault(key, published[key])
        return {**content, "model": model, "training": training}

    @model_validator(mode="after")
    def _consistent(self) -> ExperimentConfig:
        if self.training.recipe == "paper" and self.model.kind != "published":
            raise ValueError("training.recipe paper trains model.kind published only")
        if (self.training.recipe == "fit") != isinstance(self.model, BASELINES):
            raise ValueError("training.recipe fit is that of the baselines, and theirs alone")
        if getattr(self.model, "width", None) and self.model.width % self.model.heads:
            raise ValueError(
                f"model.width {self.model.width} is no multiple of its {self.model.heads} heads"
            )
        return self


def config_folder() -> Path:
    """The shipped experiments: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def config_names() -> list[str]:
    return sorted(path.stem for path in config_folder().glob("*.yaml"))


def load_config(
    name_or_path: str | Path, overrides: list[str] | tuple[str, ...] = ()
) -> ExperimentConfig:
    """Read a shipped experiment by name, or a YAML file; overrides are "section.key=value"."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        path = config_folder() / f"{name_or_path}.yaml"
        if not path.is_file():
            raise AqaError(
                f"{name_or_path} is neither a config file nor a shipped experiment "
                f"({', '.join(config_names())})"
            )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AqaError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AqaError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise AqaError(f"{path}: expected sections dataset, model, training; got {content!r}")
    content.setdefault("name", path.stem)
    for override in overrides:
        _override(content, override)
    changed = f" with --set {' '.join(overrides)}" if overrides else ""
    return parse_config(content, f"{path}{changed}")


def parse_config(content: dict[str, Any], where: str = "config") -> ExperimentConfig:
    """A mapping as read from YAML or from a checkpoint -> config; ``where`` opens the message."""
    try:
        return ExperimentConfig.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_explain(dict(problem)) for problem in error.errors())
        raise AqaError(f"{where}: {problems}") from None


def _override(content: dict[str, Any], override: str) -> None:
    key, sign, value = override.partition("=")
    parts = key.strip().split(".")
    if not sign or not all(parts):
        raise AqaError(f"--set {override}: expected key=value, such as training.epochs=10")
    for part in parts[:-1]:
        if not isinstance(content.get(part), dict):
            content[part] = {}
        content = content[part]
    try:
        content[parts[-1]] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise AqaError(f"--set {override}: {' '.join(str(error).split())}") from error


_SECTIONS: dict[str, tuple[type[_Section], ...]] = {
    "": (ExperimentConfig,),
    "dataset": (DatasetConfig,),
    "features": (FeaturesConfig,),
    "clips": (ClipModelConfig,),
    "published": (PublishedModelConfig,),
    "honest": (HonestTraining,),
    "paper": (PaperTraining,),
    "mean": (MeanConfig,),
    "ridge": (RidgeConfig,),
    "kernel-ridge": (KernelRidgeConfig,),
    "fit": (FitTraining,),
}


def _explain(problem: dict[str, Any]) -> str:
    """One pydantic error as "training.epoch: unknown key, did you mean epochs?"."""
    location = [str(part) for part in problem["loc"]]
    # Pydantic puts the tag of a union (model.clips.width) into the path; the file has none.
    key = ".".join(part for i, part in enumerate(location) if not (i == 1 and part in _SECTIONS))
    if problem["type"] == "extra_forbidden":
        section = location[-2] if len(location) > 1 else ""
        known = sorted(set().union(*(kind.model_fields for kind in _SECTIONS.get(section, ()))))
        close = difflib.get_close_matches(location[-1], known, n=1)
        advice = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        return f"{key}: unknown key, {advice}"
    if problem["type"] == "missing":
        return f"{key}: missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: {message[0].lower()}{message[1:]}, got {problem['input']!r}"
