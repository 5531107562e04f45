"""Defaults of a working directory: the file ``aqa.yaml``. Options win over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aqa.errors import AqaError
from aqa.sections import Precision
from pipeline.errors import UsageError

FILE_NAME = "aqa.yaml"
Architecture = str | dict[str, int | list[int]]
GPUS_PER_WORKER = 1.0
OBJECT_STORE_GIB = 1.0
STANDSTILL_S = 900.0


class Settings(BaseModel):
    """What ``aqa.yaml`` may hold; a key that is not listed here is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_root: Path | None = Field(None, description="where the data sets lie")
    backbone: Architecture | None = Field(None, description="name, or sizes of a Swin3d")
    weights: str | None = Field(None, description="weights name, path, or random")
    protocol: str | None = Field(None, description="extraction protocol")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: int | None = Field(None, ge=1, description="backbone workers")
    decoders: int | None = Field(None, ge=1, description="videos read at once")
    gpus_per_worker: float = Field(GPUS_PER_WORKER, gt=0, description="GPUs of one backbone worker")
    precision: Precision | None = Field(None, description="of the backbone")
    engine: Literal["auto", "openvino", "torch"] = Field(
        "auto", description="what computes the backbone"
    )
    object_store_gib: float = Field(
        OBJECT_STORE_GIB, ge=0.1, description="memory between the stages, local Ray"
    )
    standstill_s: float = Field(
        STANDSTILL_S, gt=0, description="a run without any result is given up"
    )
    features: Path = Field(Path("features"), description="parent of all feature folders")
    runs: Path = Field(Path("runs"), description="folder of trained checkpoints")
    raw: dict[str, Path] = Field(
        default_factory=dict, description="raw footage of a data set, below the data root"
    )

    @field_validator("raw")
    @classmethod
    def _known_datasets(cls, value: dict[str, Path]) -> dict[str, Path]:
        if value:
            from aqa.data import DATASETS

            for name in value:
                try:
                    DATASETS.get(name)
                except AqaError as error:
                    raise ValueError(str(error)) from None
        return value

    @field_validator("features", "runs", "data_root", mode="before")
    @classmethod
    def _of_this_machine(cls, value: object) -> object:
        if isinstance(value, str) and "://" in value:
            raise ValueError("a folder of this machine; extract has --output for others")
        return value


def load_settings(folder: Path | None = None) -> Settings:
    """``aqa.yaml`` of the folder (the working directory by default); all defaults without one.

    Raises UsageError that names the file and the key for anything that it should not hold.
    """
    path = (folder or Path.cwd()) / FILE_NAME
    if not path.exists():
        return Settings()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected keys and values, got {type(values).__name__}")
    try:
        return Settings(**values)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first_problem(error)}") from None
    except TypeError as error:
        raise UsageError(f"{path}: keys must be words: {error}") from None


def data_root(option: Path | None, settings: Settings) -> Path:
    """``--data-root``, else ``aqa.yaml``, else ``$DATASET_ROOT``; it must be a folder."""
    environment = os.environ.get("DATASET_ROOT")
    root = option or settings.data_root or (Path(environment) if environment else None)
    if root is None:
        raise UsageError(
            "no data root: give --data-root DIR, set DATASET_ROOT, or data_root: DIR in aqa.yaml"
        )
    if not root.is_dir():
        raise UsageError(f"the data root {root} is not a folder")
    return root


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}; known keys: {', '.join(Settings.model_fields)}"
    return f"key {key!r}: {problem['msg']}, got {problem['input']!r}"
