"""Packets to frames, and what cannot be decoded on the way."""

from __future__ import annotations

from collections.abc import Iterator

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from extractors.errors import ExtractorError
from extractors.readers.damage import BrokenFrameError
from extractors.readers.packets import demuxed
from extractors.readers.progress import Progress, unobserved


def decode(
    file: InputContainer,
    stream: VideoStream,
    progress: Progress = unobserved,
    *,
    first_tick: int | None = None,
    broken: list[BrokenFrameError] | None = None,
) -> Iterator[VideoFrame]:
    """Frames in the order shown, those before ``first_tick`` left out.

    Raises BrokenFrameError; with a list in ``broken`` notes it there and goes on with what comes,
    good or not.
    """
    number = frames = 0
    for packet in _demuxed(file, stream, broken):
        progress()
        try:
            decoded = packet.decode()
        except FFmpegError as error:
            reason = f"FFmpeg: {error.strerror}"
            _note(BrokenFrameError(reason, frames, packet=number), broken)
            decoded = []
        for frame in decoded:
            if first_tick is not None and (frame.pts is None or frame.pts < first_tick):
                continue
            if frame.is_corrupt:
                reason = "a frame cannot be decoded in full"
                _note(BrokenFrameError(reason, frames, tick=frame.pts), broken)
            yield frame
            frames += 1
        number += bool(packet.size) and not packet.is_discard


def _demuxed(
    file: InputContainer, stream: VideoStream, broken: list[BrokenFrameError] | None
) -> Iterator[Packet]:
    try:
        yield from demuxed(file, stream)
    except FFmpegError as error:
        if broken is None:  # else the packets tell where it ends: read_packets
            raise BrokenFrameError(f"FFmpeg: {error.strerror}", 0) from error


def _note(error: BrokenFrameError, broken: list[BrokenFrameError] | None) -> None:
    if broken is None:
        raise error
    broken.append(error)


def scan(
    file: InputContainer, stream: VideoStream, progress: Progress, first_only: bool
) -> tuple[VideoFrame, list[int | None], list[BrokenFrameError]]:
    """(first frame, time stamps of all, what is broken) by decoding; only the first if told.

    ExtractorError, without the file's name, where no frame comes.
    """
    first, stamps, broken = None, [], []
    for frame in decode(file, stream, progress, broken=broken):
        first = first or frame
        stamps.append(frame.pts)
        if first_only:
            return first, stamps, []
    if first is None:
        reason = str(broken[0]) if broken else "no frame can be decoded"
        raise ExtractorError(f"no video that can be read ({reason})")
    return first, stamps, broken
