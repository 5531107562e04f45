"""Which of a file's video streams a person would watch."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from extractors.errors import ExtractorError
from extractors.readers.packets import demuxed
from extractors.readers.progress import Progress

# Shorter than this part of the longest one: a preview, a still, a menu.
_AS_LONG = 0.9


def is_cover(stream: VideoStream) -> bool:
    """Whether it is a picture that goes with the file."""
    return bool(stream.disposition & Disposition.attached_pic)


def described(file: InputContainer) -> list[str]:
    """``0: h264 320 x 240``, a line for each video stream."""
    return [
        f"{stream.index}: "
        + (
            f"{stream.codec_context.codec.canonical_name} {stream.width} x {stream.height}"
            if stream.codec_context
            else "of an unknown codec"
        )
        + (" (a cover picture)" if is_cover(stream) else "")
        for stream in file.streams.video
    ]


def candidates(file: InputContainer) -> list[VideoStream]:
    """Streams that can be decoded and are no covers, FFmpeg's own choice first."""
    best = file.streams.best("video")
    able = [s for s in file.streams.video if s.codec_context is not None and not is_cover(s)]
    return sorted(able, key=lambda stream: stream is not best)


def choose(file: InputContainer, asked: int | None, progress: Progress) -> int:
    """The number of the stream ``asked`` for, else of the one to be watched: no cover, no still,
    and among the longest the one that FFmpeg would take. Reads all packets where there are
    several, as far as that goes. ExtractorError, without the file's name, for one that is not
    there.
    """
    able = candidates(file)
    if asked is not None:
        if asked not in {stream.index for stream in able}:
            raise ExtractorError(
                f"it has no video stream {asked} that can be decoded; it has "
                f"{', '.join(described(file))}"
            )
        return asked
    if len(able) < 2:
        return able[0].index
    packets: Counter[int] = Counter()
    first_s: dict[int, float] = {}
    last_s: dict[int, float] = {}
    with suppress(FFmpegError):
        for packet in demuxed(file, *able):
            progress()
            index, at = packet.stream.index, packet.dts if packet.pts is None else packet.pts
            packets[index] += bool(packet.size)
            if packet.size and at is not None:
                at_s = float(at * packet.time_base)
                first_s[index] = min(first_s.get(index, at_s), at_s)
                last_s[index] = max(last_s.get(index, at_s), at_s)
    moving = [stream for stream in able if packets[stream.index] > 1] or able
    spans_s = {s.index: last_s.get(s.index, 0.0) - first_s.get(s.index, 0.0) for s in moving}
    longest_s = max(spans_s.values())
    return next(s.index for s in moving if spans_s[s.index] >= _AS_LONG * longest_s)
