"""The two stages of extraction as plain code: video to clip batches, clip batches to features.

Ray only places these (:mod:`pipeline.graph`); :mod:`pipeline.local` runs them in one process.
Batches are cut within a video at fixed places and always padded to one shape, so that no
scheduling, retry or number of workers can change a number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from extractors import Protocol, get_protocol, open_clips
from pipeline.errors import one_line
from pipeline.inputs import Video, source_stamp

# About this many bytes: small beside Ray's blocks, and a CPU shows progress.
BATCH_BYTES = {"cpu": 5 * 2**20, "cuda": 40 * 2**20}
MAX_BATCH_CLIPS = 64
Row = dict[str, Any]


@dataclass(frozen=True)
class ExtractionSpec:
    """Everything that decides the numbers of a feature file. Travels to every worker."""

    architecture: str | dict[str, Any]
    weights: str
    protocol: str  # Protocol.identity
    device: str
    reader: str = "auto"
    start_s: float | None = None
    end_s: float | None = None

    @property
    def batch_clips(self) -> int:
        """Clips per batch: fixed by protocol and device alone."""
        clip_bytes = int(np.prod(get_protocol(self.protocol).clip_shape))
        return max(1, min(MAX_BATCH_CLIPS, BATCH_BYTES[self.device] // clip_bytes))


def decode_batches(video: Video, spec: ExtractionSpec) -> Iterator[Row]:
    """Rows of one video, in order: ``clips`` uint8 [B, T, H, W, 3], of which ``valid`` count.

    Never raises for a bad input: the last row then carries ``error`` instead of clips. The same
    video gives the same rows at every call.
    """
    protocol = get_protocol(spec.protocol)
    size = spec.batch_clips
    try:
        stamp = source_stamp(video.path)
        with open_clips(
            video.path, protocol, reader=spec.reader, start_s=spec.start_s, end_s=spec.end_s
        ) as stream:
            for index, (clips, valid) in enumerate(_batched(stream, size, protocol)):
                # Read last: a reader that had to be replaced is known once the frames are there.
                record = asdict(stream.info) | {"path": str(video.path), "source": stamp}
                yield _row(video, index, clips, valid, len(stream), json.dumps(record), "")
    except Exception as error:  # any failure of one video is a row, so that the others go on
        empty = np.zeros((size, *protocol.clip_shape), np.uint8)
        yield _row(video, 0, empty, 0, 0, "", one_line(error))


class FeatureExtractor:
    """Clip batches to features; holds the backbone. Give each worker one torch thread: with a
    worker per core that is as fast, and no sum changes its order with the number of cores."""

    def __init__(self, spec: ExtractionSpec) -> None:
        import torch

        from extractors import build_backbone

        self._protocol = get_protocol(spec.protocol)
        self._device = torch.device(spec.device)
        self._backbone = build_backbone(spec.architecture, spec.weights).to(self._device)

    def __call__(self, row: Row) -> Row:
        """The row with ``features`` float32 [B, C] for its ``clips``; an error row stays one."""
        clips = row.pop("clips")
        error = row["error"]
        features = np.zeros((len(clips), self._backbone.channels), np.float32)
        if not error:
            try:
                features = self._forward(clips)
            except Exception as failure:  # out of memory on one batch must not end the run
                error = f"backbone: {one_line(failure)}"
        return row | {"features": features, "error": error}

    def _forward(self, clips: np.ndarray) -> np.ndarray:
        import torch

        from extractors import normalise

        with torch.inference_mode():
            # Arrays from Ray's object store are read-only; torch wants its own copy.
            batch = torch.from_numpy(np.array(clips)).to(self._device)
            return self._backbone(normalise(batch, self._protocol)).float().cpu().numpy()


def _batched(
    clips: Iterator[np.ndarray], size: int, protocol: Protocol
) -> Iterator[tuple[np.ndarray, int]]:
    batch, filled = np.zeros((size, *protocol.clip_shape), np.uint8), 0
    for clip in clips:
        batch[filled] = clip
        filled += 1
        if filled == size:
            yield batch, filled
            batch, filled = np.zeros_like(batch), 0
    if filled:
        yield batch, filled


def _row(
    video: Video, index: int, clips: np.ndarray, valid: int, total: int, record: str, error: str
) -> Row:
    """``batch`` number ``index`` of ``batches``; ``total`` clips in the whole video."""
    return {
        "video": video.id,
        "batch": index,
        "batches": -(-total // len(clips)),
        "valid": valid,
        "total": total,
        "clips": clips,
        "record": record,
        "error": error,
    }


@dataclass(frozen=True)
class Finished:
    """A video whose features are complete (``features`` [clips, C]) or that failed (``error``)."""

    id: str
    features: np.ndarray | None
    record: dict[str, Any]
    error: str


class Assembly:
    """Puts the batches of each video together, in order, whatever the order they come in."""

    def __init__(self) -> None:
        self._batches: dict[str, dict[int, Row]] = {}
        self._ended: set[str] = set()

    def add(self, row: Row) -> Finished | None:
        """The video that this row completes or ends, if any. A row seen before changes nothing."""
        video = row["video"]
        if video in self._ended:
            return None
        if row["error"]:
            self._end(video)
            return Finished(video, None, {}, row["error"])
        rows = self._batches.setdefault(video, {})
        rows[int(row["batch"])] = row
        if len(rows) < row["batches"]:
            return None
        self._end(video)
        ordered = [rows[index] for index in range(len(rows))]
        features = np.concatenate([r["features"][: r["valid"]] for r in ordered])
        return Finished(video, features, json.loads(ordered[-1]["record"]), "")

    def _end(self, video: str) -> None:
        self._ended.add(video)
        self._batches.pop(video, None)
