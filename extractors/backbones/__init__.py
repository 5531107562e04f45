"""Networks from a clip to one feature vector, and their weights."""

import lazy_loader

from extractors.backbones.architectures import canonical_name
from extractors.backbones.conversion import EngineError, Wanted
from extractors.backbones.engines import Engine, choose_engine, engine_version, open_engine
from extractors.backbones.processor import computes_bf16
from extractors.backbones.weights import require_known

# They need torch.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "networks": ["BackboneIdentity", "build_backbone"],
    },
)
__all__ = [
    "BackboneIdentity",
    "Engine",
    "EngineError",
    "Wanted",
    "build_backbone",
    "canonical_name",
    "choose_engine",
    "computes_bf16",
    "engine_version",
    "open_engine",
    "require_known",
]
