"""Which frames make the clips of a source, or of what is good of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extractors.clips.messages import OpenJob
from extractors.errors import ExtractorError, Hole
from extractors.protocols import TIME_TOLERANCE_S


@dataclass(frozen=True, eq=False)
class Planned:
    """``indices`` int64 [clips, T] of frames; which of the ``whole_clips`` of the whole they are
    (None: all)."""

    indices: np.ndarray
    clip_index: list[int] | None = None
    whole_clips: int | None = None


def plan(job: OpenJob, times_s: np.ndarray, duration_s: float) -> np.ndarray:
    """Frame indices int64 [clips, T] of the part that is asked for."""
    start = 0.0 if job.start_s is None else job.start_s
    end = duration_s if job.end_s is None else job.end_s
    if not 0 <= start < end <= duration_s + TIME_TOLERANCE_S:
        raise ExtractorError(
            f"{job.path}: {start:g} s to {end:g} s is not a part of it: it lasts {duration_s:.2f} s"
        )
    first, stop = np.searchsorted(times_s, np.array([start, end]) - TIME_TOLERANCE_S)
    if first == stop:
        raise ExtractorError(f"{job.path}: no frame appears from {start:g} s to {end:g} s")
    try:
        inside = job.protocol.frame_indices(
            times_s[first:stop], min(end, duration_s) - times_s[first]
        )
    except ExtractorError as error:
        whole = job.start_s is None and job.end_s is None
        part = "" if whole else f" from {start:g} s to {end:g} s"
        raise ExtractorError(f"{job.path}:{part} {error}") from error
    return inside + first


def plan_around(
    job: OpenJob, times_s: np.ndarray, duration_s: float, holes: tuple[Hole, ...]
) -> Planned:
    """The clips of the whole that touch no hole. ExtractorError where there are none, or where the
    protocol goes by the number of frames, of which some are lost.

    A hole may have lost its frames: points of the grid in it would take the last good frame before
    it. So each hole gets a frame of its own at its start, and clips with one of those are left out.
    """
    by_number = job.protocol.sampling == "uniform" or job.protocol.fps == "native"
    if by_number and any(end_s <= duration_s for _, end_s in holes):
        raise ExtractorError(
            f"{job.path}: {job.protocol.identity} counts the frames of the whole video and is not "
            f"salvaged across damage; its first {holes[0][0]:.2f} s can be taken alone"
        )
    starts_s = np.array([max(start_s, times_s[0]) for start_s, _ in holes])
    ends_s = np.array([end_s for _, end_s in holes])
    added = starts_s[(starts_s < duration_s) & ~np.isin(starts_s, times_s)]
    order = np.argsort(np.concatenate([times_s, added]), kind="stable")
    all_s = np.concatenate([times_s, added])[order]
    spoiled = ((all_s[:, None] >= starts_s - 1e-9) & (all_s[:, None] < ends_s - 1e-9)).any(axis=1)
    indices = plan(job, all_s, duration_s)
    (kept,) = np.nonzero(~spoiled[indices].any(axis=1))
    if not len(kept):
        raise ExtractorError(f"{job.path}: no clip lies outside of the damage")
    return Planned(order[indices[kept]], kept.tolist(), len(indices))
