"""What goes from decoding to the backbone and on to the assembly: one batch of one video."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

_ARRAYS = ("clips", "features")


@dataclass(frozen=True, eq=False)
class Batch:
    """Batch number ``index`` (from 0) of the ``count`` that a video has; B clips.

    clips       uint8 [B, T, H, W, 3], until the backbone has taken them.
    features    float32 [B, C], from the backbone on.
    valid       of the B how many count; what comes after them is padding.
    total       clips of the whole video.
    attempt     1: these replace the batches of attempt 0, of a video that is salvaged.
    record      what is kept about the video; comes with its last batch.
    error       why the video failed: then this batch is its last, without clips.
    tried       what was tried to read it, where it failed.
    decode_s, backbone_s    seconds that it took.
    decoded_on, computed_on  nodes of a cluster; empty in one process.
    """

    video: str
    index: int = 0
    count: int = 0
    attempt: int = 0
    valid: int = 0
    total: int = 0
    clips: np.ndarray | None = None
    features: np.ndarray | None = None
    record: dict[str, Any] | None = None
    error: str = ""
    tried: tuple[str, ...] = ()
    decode_s: float = 0.0
    backbone_s: float = 0.0
    decoded_on: str = ""
    computed_on: str = ""

    def to_row(self) -> dict[str, Any]:
        """For Ray Data, which wants the same columns in every row: the array that there is, and
        the rest as JSON. Arrow takes no text that is not UTF-8; JSON escapes it."""
        about = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _ARRAYS}
        array = self.clips if self.features is None else self.features
        return {"array": array, "about": json.dumps(about)}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Batch:
        """The inverse of ``to_row``."""
        about = json.loads(row["about"])
        array = row["array"]
        kind = "features" if array.ndim == 2 else "clips"
        return cls(**about | {"tried": tuple(about["tried"]), kind: array})

    def computed(self, features: np.ndarray, seconds: float, error: str = "") -> Batch:
        """The same batch with ``features`` in place of its clips."""
        return replace(self, clips=None, features=features, backbone_s=seconds, error=error)
