"""YAML -> frozen, validated config, once. Whatever is wrong is an AqaError that names key and
file."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from aqa.config.experiment import ExperimentConfig
from aqa.config.training import RECIPES
from aqa.data import DATASETS, DatasetConfig, FeaturesConfig
from aqa.errors import AqaError
from aqa.models import MODELS
from aqa.sections import Section


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
    """Read a YAML file, a shipped experiment by name, or the defaults for a data set that ships
    none; overrides are "section.key=value"."""
    content, where = _content(name_or_path)
    for override in overrides:
        _override(content, override)
    return parse_config(content, where)


def parse_config(content: dict[str, Any], where: str = "config") -> ExperimentConfig:
    """A mapping as read from YAML or from a checkpoint -> config; ``where`` opens the message."""
    try:
        return ExperimentConfig.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_explain(problem, content) for problem in error.errors())
        raise AqaError(f"{where}: {problems}") from None


def _content(name_or_path: str | Path) -> tuple[dict[str, Any], str]:
    """The mapping, and the file that it is from."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        path = config_folder() / f"{name_or_path}.yaml"
        if not path.is_file():
            name = str(name_or_path)
            plain = [kind.name for kind in DATASETS if not kind.configs]
            if name in plain:
                return {"name": name, "dataset": {"kind": name}}, name
            raise AqaError(
                f"{name_or_path} is neither a config file nor a shipped experiment "
                f"({', '.join([*config_names(), *plain])})"
            )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AqaError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AqaError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise AqaError(f"{path}: expected sections dataset, model, training; got {content!r}")
    return {"name": path.stem, **content}, str(path)


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


def _explain(problem: ErrorDetails, content: dict[str, Any]) -> str:
    """One pydantic error as "training.epoch: unknown key, did you mean epochs?"."""
    location = [str(part) for part in problem["loc"]]
    # Pydantic puts the tag of a union (training.honest.epochs) into the path; the file has none.
    key = ".".join(p for i, p in enumerate(location) if not (i == 1 and p in RECIPES))
    if problem["type"] == "extra_forbidden":
        known = sorted(_section(location, content).model_fields)
        close = difflib.get_close_matches(location[-1], known, n=1)
        advice = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        return f"{key}: unknown key, {advice}"
    if problem["type"] == "missing":
        return f"{key}: missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: {message[0].lower()}{message[1:]}, got {problem['input']!r}"


def _section(location: list[str], content: dict[str, Any]) -> type[Section]:
    """The section in which a key stands."""
    if len(location) == 1:
        return ExperimentConfig
    if location[0] == "training":
        return RECIPES[location[1]]
    if location[0] == "model":
        kind = (content.get("model") or {}).get("kind")
        recipe = (content.get("training") or {}).get("recipe")
        return MODELS.get(kind or ("clips" if recipe in (None, "fit") else "published")).section
    return {"dataset": DatasetConfig, "features": FeaturesConfig}[location[0]]
