"""``train --init-config``: a config file that says of every key what it is.

Keys, values and choices are read off the classes of ``aqa.config``; only the words stand here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aqa import ExperimentConfig, load_config
from pipeline.errors import UsageError

# A shipped experiment that declares where its features come from, to show how.
DECLARES_FEATURES = "logo"
WIDEST_ENTRY = 34

COMMENTS = {
    "name": "of the run folder and of the plots",
    "dataset": "which labels and features",
    "features": "the declared origin of features that have no provenance.json of their own",
    "model": "what is trained",
    "training": "how it is trained",
    "dataset.kind": "csv is any table of your own scores",
    "dataset.score": (
        "what to learn; fisv: tes, pcs; rg: total, difficulty, execution; csv: how to call it; "
        "null: the usual one"
    ),
    "dataset.jointly": "fisv, rg: scores that model.kind clips learns together",
    "dataset.apparatus": "rg only",
    "dataset.features": "folder of feature files; null: as --features says, or the usual layout",
    "dataset.labels": "label file or its folder; null: as --labels says, or the usual layout",
    "dataset.score_range": "[lowest, highest] score; null: of the data set, or of the labels",
    "features.backbone": "network that made the features",
    "features.weights": "its weights, by name",
    "features.weights_digest": "and by SHA-256, where it is known",
    "features.protocol": "how clips were cut from the videos",
    "model.kind": "other kinds have other keys: --set model.kind=NAME --init-config FILE",
    "model.members": "small networks in the ensemble",
    "model.hidden": "width of their hidden layer",
    "model.weight_hidden": "width of the hidden layer that weighs clips",
    "model.contexts": "a clip is seen with the means of so many clips around it (odd numbers)",
    "model.segments": "equal parts of a video whose means stand for the whole",
    "model.dropout": "share of hidden units left out at random while training",
    "model.input_dropout": "share of channels left out throughout a video while training",
    "model.appearance_channels": "principal directions of the clips",
    "model.motion_channels": "principal directions of their motion",
    "model.motion_lags": "clips between which motion is measured",
    "model.directions": "principal directions of the segment means in the kernels",
    "model.variation_channels": "directions whose covariance over time a kernel sees",
    "model.variation_shrinkage": "pull of that covariance towards the identity",
    "model.kernel_strength": "its ridge: higher is smoother",
    "model.kernel_share": "of the kernels in the score; the rest is the networks'",
    "model.clip_share": "of the clip scores in the networks' part",
    "model.query_count": "queries that attend to the clips",
    "model.query_std": "1: learned queries; else drawn from N(0, query_std^2)",
    "model.position_encoding": "where positions are added",
    "model.clip_count": "videos are cut or zero-padded to it; null: as they are",
    "model.width": "of the tokens; null: that of the features, without a projection",
    "model.layers": "decoder layers",
    "model.heads": "attention heads; they divide the width",
    "model.feedforward": "width of the feed-forward layers",
    "model.head_widths": "hidden layers of the score head",
    "model.attention_dropout": "share of attention weights left out while training",
    "model.gamma": "kernel exp(-gamma * mean squared difference)",
    "model.regularisation": "ridge strength: higher is smoother",
    "training.recipe": "paper chooses its epoch on the evaluation split, and says so",
    "training.threads": "CPU threads of one training; their number changes the last digits",
    "training.precision": "of the matrix products; bf16 pays on wide models, scoring is float32",
    "training.epochs": "passes over the training videos",
    "training.batch_size": "videos a step",
    "training.learning_rate": "the highest, after the warm-up; lower it if training diverges",
    "training.weight_decay": "shrinks the weights a little at each step",
    "training.warmup_share": "share of the steps with a rising rate, before the cosine",
    "training.weight_average": "decay per step of averaged weights that are kept; 0: none",
    "training.gradient_clip": "largest gradient norm",
    "training.score_loss": "weight of the squared error, in variances of the training scores",
    "training.correlation_loss": "weight of 1 - Pearson's correlation within the batch",
    "training.attention_loss": "weight of the attention loss of model.kind published",
    "training.view_clips": "about as many clips of a video, evenly spread, are seen in a step",
    "training.input_noise": "deviation of the noise added to the networks' inputs",
    "training.decay_every_steps": "steps after which the learning rate falls",
    "training.decay_factor": "and to which share of it",
    "training.prediction_noise": "deviation of the noise added to predictions while training",
}


def write_template(config: ExperimentConfig, path: Path) -> None:
    """The config as a commented file, which is named after ``path`` and must not be there yet."""
    text = template(config.model_copy(update={"name": path.stem}))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already: choose another name, it stays") from None


def template(config: ExperimentConfig) -> str:
    """YAML that loads to an equal config, with every key and what it is."""
    lines = [
        "# An experiment of aqa-pipeline: every key, its value and what it is. A key that is left",
        "# out has its default. Use it with: aqa-pipeline train --config FILE",
    ]
    for key in ExperimentConfig.model_fields:
        value, comment = getattr(config, key), COMMENTS.get(key, "")
        if isinstance(value, BaseModel):
            lines += ["", f"{key}: # {comment}", *_section(key, value)]
        elif key == "features":
            example = load_config(DECLARES_FEATURES).features
            lines += ["", f"{key}: null # {comment}. Instead of null:", f"# {key}:"]
            lines += [f"# {line}" for line in _section(key, example)]
        else:
            lines.append(f"{_entry(key, value)} # {comment}")
    return "\n".join(lines) + "\n"


def keys() -> list[str]:
    """``training.epochs`` and all others, of every kind of model and recipe."""
    found = list(ExperimentConfig.model_fields)
    for section, info in ExperimentConfig.model_fields.items():
        for kind in _classes(info.annotation):
            found += [f"{section}.{key}" for key in kind.model_fields]
    return list(dict.fromkeys(found))


def _section(section: str, values: BaseModel) -> Iterator[str]:
    kinds = _classes(ExperimentConfig.model_fields[section].annotation)
    content = values.model_dump(mode="json")
    entries = {key: _entry(key, value) for key, value in content.items()}
    column = min(WIDEST_ENTRY, max(map(len, entries.values())))
    for key, info in type(values).model_fields.items():
        comment = COMMENTS.get(f"{section}.{key}")
        # One of several kinds has one choice here, its own name: list those of all.
        allowed = [choice for kind in kinds for choice in _choices(kind.model_fields.get(key))]
        remarks = [comment] if comment else []
        if len(allowed) > 1:
            remarks.append(f"one of {', '.join(dict.fromkeys(map(str, allowed)))}")
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        if default is not None and default != getattr(values, key):
            remarks.append(f"default {_flow(default)}")
        line = f"  {entries[key]:{column}}"
        yield f"{line} # {'; '.join(remarks)}" if remarks else line.rstrip()


def _classes(annotation: Any) -> list[type[BaseModel]]:
    """The section classes in an annotation: of one section, of an optional one, of several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _classes(part)]


def _choices(info: FieldInfo | None) -> tuple[Any, ...]:
    """``("logo", "csv")`` of a Literal, also of an optional one; none of anything else."""
    if info is None:
        return ()
    for part in (info.annotation, *get_args(info.annotation)):
        if get_origin(part) is Literal:
            return get_args(part)
    return ()


def _entry(key: str, value: Any) -> str:
    return f"{key}: {_flow(value)}"


def _flow(value: Any) -> str:
    """One line of YAML: ``null``, ``0.03``, ``[5, 15]``."""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, Path):
        value = str(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("...\n").strip()
