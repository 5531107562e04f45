"""Video or frames in, clip features out.  A plain library: no Ray, no command line, no scores.

    from extractors import build_backbone, get_protocol, read_clips

Names are loaded at first use, so that importing the package stays cheap.
"""

import lazy_loader

from extractors.errors import DamagedVideoError, ExtractorError, UnforeseenError

__getattr__, _, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "backbones": ["BackboneIdentity", "build_backbone"],
        "clips": ["ClipStream", "SourceInfo", "check_reader", "open_clips", "read_clips"],
        "preprocess": ["normalise"],
        "protocols": ["Protocol", "get_protocol"],
        "readers": ["look"],
    },
)
__all__ = [
    "BackboneIdentity",
    "ClipStream",
    "DamagedVideoError",
    "ExtractorError",
    "Protocol",
    "SourceInfo",
    "UnforeseenError",
    "build_backbone",
    "check_reader",
    "get_protocol",
    "look",
    "normalise",
    "open_clips",
    "read_clips",
]


def __dir__() -> list[str]:
    return __all__
