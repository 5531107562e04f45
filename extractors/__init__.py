"""Video or frames in, clip features out.  A plain library: no Ray, no command line, no scores.

    from extractors import build_backbone, get_protocol, read_clips

Exports are loaded at first use (PEP 562), so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_EXPORTS = {
    "BackboneIdentity": "backbones.networks",
    "build_backbone": "backbones.networks",
    "ClipStream": "clips.stream",
    "SourceInfo": "clips.messages",
    "check_reader": "clips.stream",
    "open_clips": "clips.stream",
    "read_clips": "clips.stream",
    "look": "readers.container",
    "DamagedVideoError": "errors",
    "ExtractorError": "errors",
    "normalise": "preprocess",
    "Protocol": "protocols",
    "get_protocol": "protocols",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'extractors' has no attribute {name!r}")
    return getattr(import_module(f"extractors.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return __all__
