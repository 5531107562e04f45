"""The command as a process, and what extracts quickly: what many tests need, each said once."""

from __future__ import annotations

import sys
from pathlib import Path

from extractors.backbones.architectures import SWIN_SIZES
from pipeline.extraction import ExtractionSpec

COMMAND = str(Path(sys.executable).parent / "aqa-pipeline")
SPEC = ExtractionSpec("swin3d_mini", "random", "mini16x112", "cpu")
# The same as options.
MINI = ("--backbone", "swin3d_mini", "--weights", "random", "--protocol", "mini16x112")
# Quicker yet: where the features do not matter.
TINY_NAME = "swin3d(depths=1-1,embed_dim=12,num_heads=1-2,patch_size=4-8-8,window_size=4-7-7)"
TINY = ("--backbone", TINY_NAME, *MINI[2:])
TINY_SPEC = ExtractionSpec(TINY_NAME, "random", "mini16x112", "cpu")
# The structure of each published size; narrow, and its third stage not so deep.
NARROW = {
    name: vars(size)
    | {"embed_dim": 4 * size.num_heads[0], "depths": tuple(min(d, 2) for d in size.depths)}
    for name, size in SWIN_SIZES.items()
}
# A training with epochs, of the published structure, as small as it can be.
SMALL_MODEL = (
    "model.kind=published", "model.width=16", "model.feedforward=16", "model.head_widths=[16, 8]",
    "model.heads=2", "model.query_count=6",
)  # fmt: skip


def set_options(*settings: str) -> tuple[str, ...]:
    """``--set`` before each."""
    return tuple(part for setting in settings for part in ("--set", setting))
