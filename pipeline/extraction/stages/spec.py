"""The two stages of extraction as plain code: video to clip batches, clip batches to features.

Ray only places these (``runs.graph``); ``runs.in_process`` runs them in one process. Batches are
cut within a video at fixed places and always padded to one shape, so that no scheduling, retry or
number of workers can change a number.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from extractors import DamagedVideoError, ExtractorError, Protocol, get_protocol, open_clips
from extractors.readers.progress import STALL_LIMIT_S
from pipeline.errors import one_line
from pipeline.footage.copies import local_copy
from pipeline.footage.stamps import content_digest, source_stamp
from pipeline.footage.videos import Video

# About this many bytes: small beside Ray's blocks, and a CPU shows progress.
BATCH_BYTES = {"cpu": 5 * 2**20, "cuda": 40 * 2**20}
MAX_BATCH_CLIPS = 64
# Columns that a cluster adds: the Ray nodes that did a batch.
_NODES = {"decoded_on", "computed_on"}
Precision = Literal["float32", "bf16"]
Row = dict[str, Any]


@dataclass(frozen=True)
class ExtractionSpec:
    """Everything that decides the numbers of a feature file. Travels to every worker.

    precision      of the backbone's matrix products.
    salvage        of a damaged video, keep what comes before the damage.
    stall_limit_s  a reading process that gives nothing for so long is ended.
    """

    architecture: str | dict[str, Any]
    weights: str
    protocol: str  # Protocol.identity
    device: str
    reader: str = "auto"
    start_s: float | None = None
    end_s: float | None = None
    precision: Precision = "float32"
    salvage: bool = False
    stall_limit_s: float = STALL_LIMIT_S

    @property
    def batch_clips(self) -> int:
        """Clips per batch: fixed by protocol and device alone."""
        clip_bytes = int(np.prod(get_protocol(self.protocol).clip_shape))
        return max(1, min(MAX_BATCH_CLIPS, BATCH_BYTES[self.device] // clip_bytes))


def decode_batches(video: Video, spec: ExtractionSpec) -> Iterator[Row]:
    """Rows of one video, in order: ``clips`` uint8 [B, T, H, W, 3], of which ``valid`` count.

    Never raises for a bad input: the last row then carries ``error`` instead of clips. The same
    video gives the same rows at every call, but for ``decode_s``, the seconds that a batch took.
    Where a damaged video is salvaged, rows of ``attempt`` 1 replace those of attempt 0.
    """
    tried: list[str] = []
    place, began = video.path, time.perf_counter()
    try:
        stamp = source_stamp(video.path)
        with local_copy(video.path) as place:
            source = stamp | {"digest": content_digest(place)}
            record = {"path": str(video.path), "source": source}
            try:
                yield from _rows(video, place, spec, record, tried, began)
            except DamagedVideoError as damage:
                if not spec.salvage or damage.good_s <= (spec.start_s or 0.0):
                    raise
                record["salvaged"] = {"reason": damage.reason, "good_s": damage.good_s}
                try:
                    yield from _rows(video, place, spec, record, tried, time.perf_counter())
                except ExtractorError as error:
                    raise ExtractorError(f"{damage}; they are not enough: {error}") from None
    except Exception as error:  # any failure of one video is a row, so that the others go on
        empty = np.zeros((spec.batch_clips, *get_protocol(spec.protocol).clip_shape), np.uint8)
        reason = one_line(error).replace(str(place), str(video.path))
        if isinstance(error, DamagedVideoError):
            reason += " (--salvage takes them)"
        yield _row(video, empty, error=reason, tried=json.dumps(tried))


def _rows(
    video: Video,
    path: Path,
    spec: ExtractionSpec,
    record: dict[str, Any],
    tried: list[str],
    began: float,
) -> Iterator[Row]:
    """The batches of one attempt, begun at ``began``; what goes wrong is noted in ``tried`` and
    raised."""
    protocol, size = get_protocol(spec.protocol), spec.batch_clips
    ends_s = [end for end in (spec.end_s, record.get("salvaged", {}).get("good_s")) if end]
    tried.append("look at the container")
    with open_clips(
        path,
        protocol,
        reader=spec.reader,
        start_s=spec.start_s,
        end_s=min(ends_s, default=None),
        frame_rate=video.frame_rate,
        stall_limit_s=spec.stall_limit_s,
    ) as stream:
        tried.pop()
        batches = -(-len(stream) // size)
        try:
            for index, (clips, valid) in enumerate(_batched(stream, size, protocol)):
                # Read last: a reader that had to be replaced is known once the frames are there.
                is_last = index + 1 == batches
                yield _row(
                    video,
                    clips,
                    batch=index,
                    batches=batches,
                    attempt=int("salvaged" in record),
                    valid=valid,
                    total=len(stream),
                    record=json.dumps(asdict(stream.info) | record) if is_last else "",
                    decode_s=time.perf_counter() - began,
                )
                began = time.perf_counter()
        except ExtractorError:
            info = stream.info  # where decord was asked for, the note says why PyAV took over
            note = f" ({info.reader_note})" if spec.reader == "decord" and info.reader_note else ""
            tried.append(f"{info.reader}{note}")
            raise


def _row(video: Video, clips: np.ndarray, **fields: Any) -> Row:
    """``batch`` number ``index`` of ``batches``; ``total`` clips in the whole video. Ray wants the
    same columns in every row."""
    empty = {
        "batch": 0,
        "batches": 0,
        "attempt": 0,
        "valid": 0,
        "total": 0,
        "record": "",
        "error": "",
        "tried": "",
        "decode_s": 0.0,
    }
    return {"video": video.id, "clips": clips} | empty | fields


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


class FeatureExtractor:
    """Clip batches to features; holds the backbone. Give each worker one torch thread: with a
    worker per core that is as fast, and no sum changes its order with the number of cores."""

    def __init__(self, spec: ExtractionSpec) -> None:
        import torch

        from extractors import build_backbone

        self._protocol = get_protocol(spec.protocol)
        self._device = torch.device(spec.device)
        self._bf16 = spec.precision == "bf16"
        self.broken = False  # a GPU whose error does not go away within this process
        if self._device.type == "cuda" and not self._bf16:
            torch.backends.cudnn.allow_tf32 = False  # or convolutions would round to ten bits
        self._backbone = build_backbone(spec.architecture, spec.weights).to(self._device)
        # Batches have one shape: they go to the GPU from one page-locked place.
        self._pinned = None
        if self._device.type == "cuda":
            shape = (spec.batch_clips, *self._protocol.clip_shape)
            self._pinned = torch.empty(shape, dtype=torch.uint8, pin_memory=True)

    def __call__(self, row: Row) -> Row:
        """The row with ``features`` float32 [B, C] for its ``clips``, and the seconds that took;
        an error row stays one."""
        clips = row.pop("clips")
        error, began = row["error"], time.perf_counter()
        features = np.zeros((len(clips), self._backbone.channels), np.float32)
        if not error:
            try:
                features = self._forward(clips)
            except Exception as failure:  # out of memory on one batch must not end the run
                error = f"backbone: {one_line(failure)}"
                self.broken = "CUDA error" in error
        seconds = time.perf_counter() - began
        return row | {"features": features, "error": error, "backbone_s": seconds}

    def _forward(self, clips: np.ndarray) -> np.ndarray:
        import torch

        from extractors import normalise

        kind = self._device.type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=self._bf16):
            if self._pinned is None:
                # Arrays from Ray's object store are read-only; torch wants its own copy.
                batch = torch.from_numpy(np.array(clips))
            else:
                np.copyto(self._pinned.numpy(), clips)
                batch = self._pinned.to(self._device, non_blocking=True)
            return self._backbone(normalise(batch, self._protocol)).float().cpu().numpy()


@dataclass(frozen=True)
class Finished:
    """A video whose features are complete (``features`` [clips, C]) or that failed (``error``)."""

    id: str
    features: np.ndarray | None
    record: dict[str, Any]
    error: str
    tried: tuple[str, ...] = ()


class Assembly:
    """Puts the batches of each video together, in order, whatever the order they come in."""

    def __init__(self) -> None:
        self._batches: dict[str, dict[int, Row]] = {}
        self._attempt: dict[str, int] = {}
        self._ended: set[str] = set()

    def add(self, row: Row) -> Finished | None:
        """The video that this row completes or ends, if any. A row seen before changes nothing."""
        video = row["video"]
        if video in self._ended:
            return None
        if row["error"]:
            self._end(video)
            tried = tuple(json.loads(row["tried"] or "[]"))
            return Finished(video, None, {}, row["error"], tried)
        if row["attempt"] != self._attempt.setdefault(video, row["attempt"]):
            if row["attempt"] < self._attempt[video]:
                return None
            self._attempt[video] = row["attempt"]
            self._batches.pop(video)
        rows = self._batches.setdefault(video, {})
        rows[int(row["batch"])] = row
        if len(rows) < row["batches"]:
            return None
        self._end(video)
        ordered = [rows[index] for index in range(len(rows))]
        features = np.concatenate([r["features"][: r["valid"]] for r in ordered])
        record = json.loads(ordered[-1]["record"])
        for key in _NODES.intersection(ordered[0]):
            record[key] = sorted({row[key] for row in ordered})
        return Finished(video, features, record, "")

    def _end(self, video: str) -> None:
        self._ended.add(video)
        self._attempt.pop(video, None)
        self._batches.pop(video, None)
