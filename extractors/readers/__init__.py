"""One file, or one folder of frames: what it holds, and its frames.

Names of files and limits are there at once; what reads needs av, cv2 or a process of decord's, and
is loaded at first use.
"""

import lazy_loader

from extractors.readers.file_names import (
    FRAME_RATE,
    IMAGE_SUFFIXES,
    PLAYLIST_SUFFIXES,
    VIDEO_SUFFIXES,
)
from extractors.readers.kinds import other_kind
from extractors.readers.progress import (
    STALL_LIMIT_S,
    Progress,
    Remark,
    unobserved,
    unremarked,
)

__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "container": ["Container", "look"],
        "decord_reader": ["DecordFailed", "decord_available", "read_with_decord"],
        "frame_folder": ["list_frames", "read_image", "read_images"],
        "picture": ["COMBS"],
        "pyav_reader": ["read_with_pyav"],
    },
)
__all__ = [
    "COMBS",
    "FRAME_RATE",
    "IMAGE_SUFFIXES",
    "PLAYLIST_SUFFIXES",
    "STALL_LIMIT_S",
    "VIDEO_SUFFIXES",
    "Container",
    "DecordFailed",
    "Progress",
    "Remark",
    "decord_available",
    "list_frames",
    "look",
    "other_kind",
    "read_image",
    "read_images",
    "read_with_decord",
    "read_with_pyav",
    "unobserved",
    "unremarked",
]
