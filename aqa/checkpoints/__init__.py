"""Trained models as files: our own, the shipped ones, and those of the published code."""

from aqa.checkpoints.checkpoint import check_origin, load_checkpoint, save_checkpoint
from aqa.checkpoints.folder import export_folder, is_hub_name
from aqa.checkpoints.onnx import export_onnx
from aqa.checkpoints.reference import from_reference
from aqa.checkpoints.shipped import (
    FOLDER,
    SUFFIX,
    ShippedModel,
    read_header,
    save_compact,
    shipped_models,
)

__all__ = [
    "FOLDER",
    "SUFFIX",
    "ShippedModel",
    "check_origin",
    "export_folder",
    "export_onnx",
    "from_reference",
    "is_hub_name",
    "load_checkpoint",
    "read_header",
    "save_checkpoint",
    "save_compact",
    "shipped_models",
]
