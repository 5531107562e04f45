"""``train --init-config``: a config file that says of every key what it is.

Keys, values, choices and words are read off the sections of ``aqa.config``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel

from aqa.config import RECIPES, ExperimentConfig, load_config
from aqa.data import DATASETS, DatasetConfig
from aqa.models import MODELS
from pipeline.errors import UsageError

# A shipped experiment that declares where its features come from, to show how.
DECLARES_FEATURES = "logo"
WIDEST_ENTRY = 34
OTHER_KINDS = "other kinds have other keys: --set model.kind=NAME --init-config FILE"


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
    for key, info in ExperimentConfig.model_fields.items():
        value = getattr(config, key)
        if isinstance(value, BaseModel):
            lines += ["", f"{key}: # {info.description}", *_section(key, value)]
        elif key == "features":
            example = load_config(DECLARES_FEATURES).features
            lines += ["", f"{key}: null # {info.description}. Instead of null:", f"# {key}:"]
            lines += [f"# {line}" for line in _section(key, example)]
        else:
            lines.append(f"{_entry(key, value)} # {info.description}")
    return "\n".join(lines) + "\n"


def _section(section: str, values: BaseModel) -> Iterator[str]:
    content = values.model_dump(mode="json")
    entries = {key: _entry(key, value) for key, value in content.items()}
    column = min(WIDEST_ENTRY, max(map(len, entries.values())))
    for key, info in type(values).model_fields.items():
        remarks = [info.description] if info.description else []
        if (section, key) == ("model", "kind"):
            remarks.append(OTHER_KINDS)
        allowed = _choices(section, key, values)
        if len(allowed) > 1:
            remarks.append(f"one of {', '.join(map(str, allowed))}")
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        if default is not None and default != getattr(values, key):
            remarks.append(f"default {_flow(default)}")
        line = f"  {entries[key]:{column}}"
        yield f"{line} # {'; '.join(remarks)}" if remarks else line.rstrip()


def _choices(section: str, key: str, values: BaseModel) -> list[Any]:
    """What a key may be: of a register, or of a Literal; empty: anything of its type."""
    if isinstance(values, DatasetConfig):
        dataset = values.known
        parts = {"kind": DATASETS.names(), "score": dataset.scores, "apparatus": dataset.apparatus}
        return list(parts.get(key, ()))
    if (section, key) == ("model", "kind"):
        return MODELS.names()
    if (section, key) == ("training", "recipe"):
        return list(RECIPES)
    annotation = type(values).model_fields[key].annotation
    for part in (annotation, *get_args(annotation)):
        if get_origin(part) is Literal:
            return list(get_args(part))
    return []


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
