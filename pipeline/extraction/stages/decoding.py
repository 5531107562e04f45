"""The first stage: a video to batches of clips.

Batches are cut within a video at fixed places, so that no scheduling, retry or number of workers
can change a number. On a GPU the last one is padded, so that all have one shape.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from aqa.storage import RemotePath
from extractors import DamagedVideoError, ExtractorError, open_clips
from pipeline.errors import one_line
from pipeline.extraction.stages.batch import Batch
from pipeline.extraction.stages.part import Part
from pipeline.extraction.stages.spec import ExtractionSpec
from pipeline.footage import Video, content_digest, local_copy, source_stamp

_OPENING = "opening it"


def decode_batches(part: Part, spec: ExtractionSpec) -> Iterator[Batch]:
    """Batches of a part of one video, in order.

    Never raises for a bad input: the last batch then carries ``error`` instead of clips. The same
    video gives the same batches at every call, in whatever parts, but for ``decode_s``. Where a
    damaged video is salvaged, batches of ``attempt`` 1, of the whole of it, replace those of
    attempt 0.
    """
    tried: list[str] = []
    video = part.video
    place, began = video.path, time.perf_counter()
    if part.number and isinstance(place, RemotePath):
        return  # one copies it, and does it whole
    try:
        stamp = source_stamp(video.path)
        with local_copy(video.path) as place:
            source = stamp | {"digest": content_digest(place)}
            record = {"path": str(video.path), "source": source}
            try:
                yield from _batches(part, place, spec, record, tried, began)
            except DamagedVideoError as damage:
                if spec.salvage == "none":
                    raise
                if part.number and tried == [_OPENING]:
                    return  # each part found it: the first goes on
                record["salvaged"] = _salvaged(damage, spec)
                whole, began = Part(video), time.perf_counter()
                try:
                    yield from _batches(whole, place, spec, record, tried, began)
                except ExtractorError as error:
                    raise ExtractorError(f"{damage}; that is not enough: {error}") from None
    except Exception as error:  # any failure of one video is a batch, so that the others go on
        reason = _said_of(error, video).replace(str(place), str(video.path))
        if isinstance(error, DamagedVideoError):
            reason += " (extract --salvage takes that)"
        none = np.zeros((0, *spec.batch_shape[1:]), np.uint8)
        yield Batch(video.id, clips=none, error=reason, tried=tuple(tried))


def _said_of(error: Exception, video: Video) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{video.path}: no such file"
    if isinstance(error, OSError) and error.strerror:
        return f"{video.path}: cannot be read ({error.strerror})"
    return one_line(error)


def _salvaged(damage: DamagedVideoError, spec: ExtractionSpec) -> dict[str, Any]:
    """What the record says; a hole without an end has none."""
    holes = [[start_s, end_s if end_s < math.inf else None] for start_s, end_s in damage.holes]
    return {
        "reason": damage.reason,
        "good_s": damage.good_s,
        "damaged": holes,
        "kept": spec.salvage,
    }


def _batches(
    part: Part,
    path: Path,
    spec: ExtractionSpec,
    record: dict[str, Any],
    tried: list[str],
    began: float,
) -> Iterator[Batch]:
    """The batches of one attempt, begun at ``began``; what goes wrong is noted in ``tried`` and
    raised."""
    salvaged = record.get("salvaged")
    first_part = [salvaged["good_s"]] if salvaged and spec.salvage == "first" else []
    ends_s = first_part + [end for end in (spec.end_s,) if end]
    tried.append(_OPENING)
    video = part.video
    with open_clips(
        path,
        spec.protocol,
        # decord is not for what is damaged.
        reader="auto" if salvaged else spec.reader,
        salvage=bool(salvaged) and spec.salvage == "all",
        stream=spec.stream,
        stored_aspect=spec.stored_aspect,
        start_s=spec.start_s,
        end_s=min(ends_s, default=None),
        frame_rate=video.frame_rate,
        stall_limit_s=spec.stall_limit_s,
    ) as stream:
        tried.pop()
        mine = part.batches(-(-len(stream) // spec.batch_clips), stream.divisible)
        if not mine:
            return
        first, stop = (min(b * spec.batch_clips, len(stream)) for b in (mine.start, mine.stop))
        before_s = began - time.perf_counter()  # the opening is reading, too
        try:
            for clips, valid in _cut(stream.clips(first, stop), spec):
                upto = first + valid
                # Read last: a reader that had to be replaced is known once the frames are there.
                info = stream.info
                yield Batch(
                    video.id,
                    first=first,
                    attempt=int(salvaged is not None),
                    valid=valid,
                    total=len(stream),
                    clips=clips,
                    record=asdict(info) | record if upto == len(stream) else None,
                    remarks=info.remarks if upto == stop else (),
                    decode_s=stream.read_s - before_s,
                )
                first, before_s = upto, stream.read_s
        except ExtractorError:
            info = stream.info  # where decord was asked for, the note says why PyAV took over
            note = f" ({info.reader_note})" if spec.reader == "decord" and info.reader_note else ""
            tried.append(f"{info.reader}{note}")
            raise


def _cut(clips: Iterator[np.ndarray], spec: ExtractionSpec) -> Iterator[tuple[np.ndarray, int]]:
    """Batches [B, T, H, W, 3], and how many of the B count."""
    batch, filled = np.zeros(spec.batch_shape, np.uint8), 0
    for clip in clips:
        batch[filled] = clip
        filled += 1
        if filled == len(batch):
            yield batch, filled
            batch, filled = np.zeros_like(batch), 0
    if filled:
        yield batch if spec.device == "cuda" else batch[:filled], filled
