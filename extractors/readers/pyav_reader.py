"""Frames from a video with PyAV: reads every file that FFmpeg can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from extractors.errors import DamagedVideoError
from extractors.readers.clock import spoken
from extractors.readers.container import Container
from extractors.readers.damage import BrokenFrameError
from extractors.readers.decoding import decode
from extractors.readers.opening import open_video
from extractors.readers.picture import COMBS, OTHER_PIXELS, deinterlaced, orientation
from extractors.readers.progress import Progress, Remark, unobserved, unremarked

# Nearer to the start, decoding from there costs less than it is worth to seek.
SEEK_FROM_FRAME = 250


def read_with_pyav(
    container: Container,
    indices: Sequence[int],
    progress: Progress = unobserved,
    deinterlace: bool = False,
    remark: Remark = unremarked,
) -> Iterator[np.ndarray]:
    """The frames at these strictly increasing indices: uint8 RGB [height, width, 3], turned and
    mirrored as a player does.

    ``remark`` is told what shows only now. Holds one frame at a time, with ``deinterlace`` three.
    DamagedVideoError where a frame is
    missing or broken; of a container that is known to be damaged all frames come, good or not.
    """
    wanted = iter(indices)
    target, reached = next(wanted), 0
    reformatter = VideoReformatter()
    with open_video(container.path, container.stream) as (file, stream):
        try:
            # A frame without combs depends on those around it: then always from the start.
            numbered = _from_start if deinterlace else _numbered
            ticks = None if deinterlace else container.ticks
            known, aspect = deinterlace or container.interlaced, None
            for index, frame in numbered(container, (file, stream), progress, target):
                if ticks is not None and frame.pts != ticks[index]:
                    raise BrokenFrameError("a frame is missing", index)
                reached = index + 1
                if frame.interlaced_frame and not known:
                    known = True
                    remark(COMBS.format(f" from {spoken(container.times_s[index])} on"))
                now = stream.codec_context.sample_aspect_ratio
                if aspect and now and now != aspect:
                    remark(OTHER_PIXELS.format(spoken(container.times_s[index]), aspect, now))
                aspect = now
                if index == target:
                    yield _to_rgb(frame, reformatter)
                    target = next(wanted, None)
                    if target is None:
                        return
            raise BrokenFrameError("it ends early", reached)
        except BrokenFrameError as error:
            times_s = container.times_s
            reached = min(reached, _resting_on(container, error.tick))
            good_s = times_s[reached] if reached < len(times_s) else container.duration_s
            raise DamagedVideoError(str(container.path), str(error), float(good_s)) from error


def _numbered(
    container: Container, video: tuple[InputContainer, VideoStream], progress: Progress, first: int
) -> Iterator[tuple[int, VideoFrame]]:
    """(index, frame) from the key frame at or before ``first``, or from the start."""
    file, stream = video
    keys = container.key_frames[container.key_frames <= first]
    if container.ticks is not None and len(keys) and keys[-1] >= SEEK_FROM_FRAME:
        tick = int(container.ticks[keys[-1]])
        file.seek(tick, stream=stream)
        frames = decode(file, stream, progress, first_tick=tick)
        frame = next(frames, None)
        if frame is not None and frame.pts == tick:
            yield from enumerate(chain([frame], frames), start=int(keys[-1]))
            return
        file.seek(int(container.ticks[0]), stream=stream)  # the file's index misled: from the start
    yield from _counted(container, decode(file, stream, progress, broken=_tolerant(container)))


def _from_start(
    container: Container, video: tuple[InputContainer, VideoStream], progress: Progress, _: int
) -> Iterator[tuple[int, VideoFrame]]:
    """(index, frame) of all, without combs."""
    file, stream = video
    frames = decode(file, stream, progress, broken=_tolerant(container))
    yield from _counted(container, deinterlaced(frames, stream))


def _tolerant(container: Container) -> list[BrokenFrameError] | None:
    """Where ``decode`` notes what is broken, of a container that is known to be damaged."""
    return None if container.numbers is None else []


def _counted(
    container: Container, frames: Iterator[VideoFrame]
) -> Iterator[tuple[int, VideoFrame]]:
    """(index, frame) of all that decoding gives from the start."""
    if container.numbers is None:
        yield from enumerate(frames)
        return
    index_of = {number: index for index, number in enumerate(container.numbers.tolist())}
    for number, frame in enumerate(frames):
        if number in index_of:
            yield index_of[number], frame


def _resting_on(container: Container, tick: int | None) -> int:
    """The first shown frame that may rest on the one with this time stamp."""
    if tick is None or container.stored is None:
        return container.frame_count
    (numbers,) = np.nonzero(container.stored == tick)
    if not len(numbers):
        return container.frame_count
    return int(np.searchsorted(container.ticks, container.stored[numbers[0] :].min()))


def _to_rgb(frame: VideoFrame, reformatter: VideoReformatter) -> np.ndarray:
    """With the reformatter's defaults the pixels equal decord's bit for bit."""
    pixels = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    return orientation(frame).apply(pixels)
