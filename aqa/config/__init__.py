"""Experiments as YAML files: reading and checking them."""

from aqa.config.experiment import ExperimentConfig
from aqa.config.reading import config_folder, config_names, load_config, parse_config
from aqa.config.training import (
    RECIPES,
    FitTraining,
    HonestTraining,
    PaperTraining,
    TrainingConfig,
)

__all__ = [
    "RECIPES",
    "ExperimentConfig",
    "FitTraining",
    "HonestTraining",
    "PaperTraining",
    "TrainingConfig",
    "config_folder",
    "config_names",
    "load_config",
    "parse_config",
]
