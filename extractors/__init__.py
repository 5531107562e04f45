"""Video or frames in, clip features out.  A plain library: no Ray, no command line, no scores.

    from extractors import build_backbone, get_protocol, read_clips

Exports are loaded at first use (PEP 562), so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_EXPORTS = {
    "BackboneIdentity": "backbones",
    "build_backbone": "backbones",
    "ClipStream": "clips",
    "SourceInfo": "messages",
    "check_reader": "clips",
    "open_clips": "clips",
    "read_clips": "clips",
    "look": "container",
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
