"""Networks from a clip to one feature vector, and their weights."""

import lazy_loader

from extractors.backbones.architectures import canonical_name
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
    "build_backbone",
    "canonical_name",
    "require_known",
]
