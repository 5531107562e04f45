"""What goes from decoding to the backbone and on to the assembly: clips of one video in a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

_ARRAYS = ("clips", "features")


@dataclass(frozen=True, eq=False)
class Batch:
    """B clips of a video from number ``first`` (from 0) on.

    clips       uint8 [B, T, H, W, 3], until the backbone has taken them.
    features    float32 [B, C], from the backbone on.
    valid       of the B how many count; what comes after them is padding.
    total       clips of the whole video.
    attempt     1: these replace the batches of attempt 0, of a video that is salvaged.
    record      what is kept about the video; comes with its last batch.
    remarks     what a person should know of what was read; with the last batch of each part.
    error       why the video failed: then this batch is its last, without clips.
    tried       what was tried to read it, where it failed.
    decode_s, backbone_s    seconds that it took.
    decoded_on, computed_on  nodes of a cluster; empty in one process.
    """

    video: str
    first: int = 0
    attempt: int = 0
    valid: int = 0
    total: int = 0
    clips: np.ndarray | None = None
    features: np.ndarray | None = None
    record: dict[str, Any] | None = None
    remarks: tuple[str, ...] = ()
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
        lists = {name: tuple(about[name]) for name in ("tried", "remarks")}
        return cls(**about | lists | {kind: array})

    def computed(self, features: np.ndarray, seconds: float, error: str = "") -> Batch:
        """The same batch with ``features`` in place of its clips."""
        return replace(self, clips=None, features=features, backbone_s=seconds, error=error)


def joined(batches: Iterable[Batch], clips: int) -> Iterator[Batch]:
    """Batches with features, each of the next ones in a row until there are so many clips."""
    held: list[Batch] = []
    for batch in batches:
        if held and batch.attempt != held[-1].attempt:
            yield _one(held)
            held = []
        held.append(batch)
        if batch.error or sum(each.valid for each in held) >= clips:
            yield _one(held)
            held = []
    if held:
        yield _one(held)


def _one(batches: list[Batch]) -> Batch:
    return replace(
        batches[-1],
        first=batches[0].first,
        valid=sum(batch.valid for batch in batches),
        features=np.concatenate([batch.features[: batch.valid] for batch in batches]),
        decode_s=sum(batch.decode_s for batch in batches),
        backbone_s=sum(batch.backbone_s for batch in batches),
    )
