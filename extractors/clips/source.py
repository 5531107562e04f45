"""A video file or a folder of frames: looked at, planned and read, in the reading process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from extractors.clips.messages import OpenJob, ReaderName, SourceInfo
from extractors.clips.planning import Planned, plan, plan_around
from extractors.errors import DamagedVideoError, ExtractorError
from extractors.preprocess import prepare_frames
from extractors.protocols import Protocol
from extractors.readers import (
    COMBS,
    Container,
    DecordFailed,
    Progress,
    Remark,
    decord_available,
    list_frames,
    look,
    read_image,
    read_images,
    read_with_decord,
    read_with_pyav,
)


@dataclass(frozen=True, eq=False)
class Source:
    """``indices`` int64 [clips, T] of ``frames``: a container, or image files in order."""

    info: SourceInfo
    protocol: Protocol
    indices: np.ndarray
    frames: Container | list[Path]

    @property
    def divisible(self) -> bool:
        """Whether reading may begin at any clip, with the same frames as from the start."""
        if isinstance(self.frames, list):
            return True
        from_key_frames = self.info.reader == "pyav" and self.protocol.deinterlace == "no"
        return from_key_frames and self.frames.ticks is not None and self.frames.numbers is None

    def part(self, first: int, stop: int) -> Source:
        """The same with its clips from number ``first`` on, before ``stop``."""
        return replace(self, indices=self.indices[first:stop])

    def clips(
        self,
        decord_limit_s: float,
        take_over: Callable[[str, str], None],
        remark: Remark,
        progress: Progress,
    ) -> Iterator[np.ndarray]:
        """Prepared clips uint8 [T, H, W, 3].

        ``take_over(reader, note)`` tells that from the next clip on PyAV gives the frames, and why
        decord does not; ``remark(line)`` what of the footage shows only now.
        """
        given = 0
        if self.info.reader == "decord":
            try:
                wanted = np.unique(self.indices)
                frames = read_with_decord(self.frames, wanted, decord_limit_s, progress)
                for clip in self._prepared(frames, self.indices):
                    yield clip
                    given += 1
                return
            except DecordFailed as error:
                take_over("decord+pyav" if given else "pyav", f"decord failed: {error}")
        indices = self.indices[given:]
        wanted = np.unique(indices)
        try:
            if self.info.kind == "frames":
                frames = read_images(self.frames, wanted, progress)
            else:
                without_combs = self.protocol.deinterlace != "no"
                frames = read_with_pyav(self.frames, wanted, progress, without_combs, remark)
            yield from self._prepared(frames, indices)
        except DamagedVideoError as error:
            raise _in_full(error, progress, self.info.stream) from error

    def _prepared(self, frames: Iterator[np.ndarray], indices: np.ndarray) -> Iterator[np.ndarray]:
        aspect = self.info.pixel_aspect if self.info.aspect == "shown" else 1.0
        ready, held, frame = prepare_frames(frames, self.protocol, aspect), -1, None
        for clip_indices in indices:
            clip = np.empty(self.protocol.clip_shape, np.uint8)
            for position, index in enumerate(clip_indices):
                if index != held:  # a frame that a protocol repeats is read and prepared once
                    held, frame = index, next(ready)
                clip[position] = frame
            yield clip


def _in_full(error: DamagedVideoError, progress: Progress, stream: int | None) -> DamagedVideoError:
    """Where else it is damaged, and where it is good again."""
    damage = look(error.path, progress, every_frame=True, stream=stream).damage
    if damage is None:
        return error
    return DamagedVideoError(error.path, damage.reason, damage.holes[0][0], damage.holes)


def open_source(job: OpenJob, progress: Progress) -> Source:
    """Looks at the source and plans its clips; nothing is decoded that need not be."""
    path = Path(job.path)
    return _open_folder(path, job) if path.is_dir() else _open_video(path, job, progress)


def _open_video(path: Path, job: OpenJob, progress: Progress) -> Source:
    container = look(path, progress, job.salvage, job.stream)
    times_s, duration_s = container.times_s, container.duration_s
    if job.salvage and container.holes:
        planned = plan_around(job, times_s, duration_s, container.holes)
    else:
        container.require(job.end_s, job.start_s)
        planned = Planned(plan(job, times_s, duration_s))
    indices = planned.indices
    reader, note = _choose(container, job.reader, job.protocol.deinterlace != "no")
    info = SourceInfo(
        path=job.path,
        kind="video",
        reader=reader,
        reader_note=note,
        codec=container.codec,
        width=container.width,
        height=container.height,
        frame_count=container.frame_count,
        fps=container.fps,
        duration_s=duration_s,
        **_clip_times(indices, times_s, duration_s),
        time_source=container.time_source,
        interlaced=container.interlaced,
        colours=container.colours,
        remarks=(*container.remarks, *_combs(container, job.protocol)),
        stream=container.stream,
        pixel_aspect=container.pixel_aspect,
        aspect="stored" if job.stored_aspect else job.protocol.aspect,
        streams=container.streams,
        clip_index=planned.clip_index,
        whole_clips=planned.whole_clips,
    )
    return Source(info, job.protocol, indices, container)


def _open_folder(folder: Path, job: OpenJob) -> Source:
    if not job.frame_rate > 0:
        raise ExtractorError(f"{folder}: a frame rate must be above 0, got {job.frame_rate}")
    series = list_frames(folder)
    images = series.images
    times_s = series.steps / job.frame_rate
    duration_s = float(times_s[-1]) + 1 / job.frame_rate
    indices = plan(job, times_s, duration_s)
    height, width = read_image(images[0]).shape[:2]
    info = SourceInfo(
        path=job.path,
        kind="frames",
        reader="opencv",
        reader_note=None,
        codec=images[0].suffix[1:].lower(),
        width=width,
        height=height,
        frame_count=len(images),
        fps=job.frame_rate,
        duration_s=duration_s,
        **_clip_times(indices, times_s, duration_s),
        time_source="frame rate",
        remarks=series.remarks,
    )
    return Source(info, job.protocol, indices, images)


def _combs(container: Container, protocol: Protocol) -> list[str]:
    if not container.interlaced or protocol.deinterlace != "no":
        return []
    return [COMBS.format("")]


def _choose(
    container: Container, reader: ReaderName, deinterlace: bool = False
) -> tuple[str, str | None]:
    """(the reader, why "auto" did not take decord)."""
    if reader == "pyav":
        return "pyav", None
    obstacle = container.decord_unsafe
    if obstacle is None and deinterlace:
        obstacle = "decord does not take out combs"
    if reader == "decord":
        if obstacle is None and not decord_available():
            obstacle = "decord is not installed"
        if obstacle:
            raise ExtractorError(
                f"{container.path}: decord must not read it: {obstacle}; use reader 'auto'"
            )
        return "decord", None
    # On every kind that decord reads rightly: tests/benchmarks/readers.py, docs/readers.md.
    return "pyav", obstacle or f"PyAV is at least as fast on {container.codec}"


def _clip_times(
    indices: np.ndarray, times_s: np.ndarray, duration_s: float
) -> dict[str, list[float]]:
    disappears_s = np.append(times_s[1:], duration_s)
    return {
        "clip_start_s": times_s[indices[:, 0]].tolist(),
        "clip_end_s": disappears_s[indices[:, -1]].tolist(),
    }
