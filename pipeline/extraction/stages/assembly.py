"""The last step: the batches of a video, whatever order they come in, to its features."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.extraction.stages.batch import Batch

# What a cluster adds to a record: the nodes that did a video's batches.
_NODES = ("decoded_on", "computed_on")


@dataclass(frozen=True, eq=False)
class Finished:
    """A video whose features are complete (``features`` [clips, C]) or that failed (``error``)."""

    id: str
    features: np.ndarray | None
    record: dict[str, Any]
    error: str
    tried: tuple[str, ...] = ()


@dataclass(eq=False)
class _Open:
    """A video that is not complete: its batches by their first clip; how many clips they are."""

    attempt: int
    batches: dict[int, Batch] = field(default_factory=dict)
    clips: int = 0

    def add(self, batch: Batch) -> None:
        """A batch that a retry brings again replaces itself."""
        if batch.first not in self.batches:
            self.clips += batch.valid
        self.batches[batch.first] = batch


class Assembly:
    """Puts the batches of each video together, in order."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._ended: set[str] = set()

    def add(self, batch: Batch) -> Finished | None:
        """The video that this batch completes or ends, if any. One seen before changes nothing."""
        video = batch.video
        if video in self._ended:
            return None
        if batch.error:
            self._end(video)
            return Finished(video, None, {}, batch.error, batch.tried)
        so_far = self._open.setdefault(video, _Open(batch.attempt))
        if batch.attempt < so_far.attempt:
            return None
        if batch.attempt > so_far.attempt:
            so_far = self._open[video] = _Open(batch.attempt)
        so_far.add(batch)
        if so_far.clips < batch.total:
            return None
        self._end(video)
        ordered = [so_far.batches[first] for first in sorted(so_far.batches)]
        features = np.concatenate([part.features[: part.valid] for part in ordered])
        record = dict(ordered[-1].record)
        if remarks := _said_once(ordered):
            record["remarks"] = remarks
        for key in _NODES:
            nodes = {getattr(part, key) for part in ordered}
            if any(nodes):
                record[key] = sorted(nodes)
        return Finished(video, features, record, "")

    def _end(self, video: str) -> None:
        self._ended.add(video)
        self._open.pop(video, None)


def _said_once(batches: Sequence[Batch]) -> tuple[str, ...]:
    """The remarks of all parts. What begins on the way ("interlaced from 0:12 on") is said by each
    part after it, with its own time: the first is right."""
    said: dict[str, str] = {}
    for batch in batches:
        for line in batch.remarks:
            said.setdefault(re.sub(r"\d", "", line), line)
    return tuple(said.values())
