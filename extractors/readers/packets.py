"""The packets of a video, and which of them are frames that a player shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from av import logging as av_logging
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.video.stream import VideoStream

from extractors.readers.progress import Progress

# Where one packet is one shown frame: not so for packed MPEG-4 in AVI, hidden VP8 frames, fields.
_FRAME_PER_PACKET = {"h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "prores"}
_INDEXED_FORMATS = {"mov", "matroska"}
# Stamps of one clock are out of order by a few frames at most.
_REORDERED_S = 5.0
_FLAGGED_EARLY = 2  # packets, by FFmpeg's parser
# FFmpeg's names of formats whose readers tell of what is no element or tag in the log alone.
_PASSING_OVER = {"matroska,webm", "flv"}


@dataclass(frozen=True)
class Packet:
    """``pts`` when it is shown, ``dts`` its place among those that are decoded; in ticks."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool


@dataclass(frozen=True, eq=False)
class Packets:
    """The packets of one video stream, in the order of the file.

    shown    those with a frame in them that no edit list hides.
    count    with the hidden ones.
    sound_s  float64, sorted: when the packets of sound begin.
    broken   (number in ``shown``, why) of packets that are not whole.
    """

    shown: list[Packet]
    count: int
    sound_s: np.ndarray = field(repr=False)
    broken: tuple[tuple[int, str], ...]

    @property
    def unstamped(self) -> bool:
        return any(packet.pts is None for packet in self.shown)


def read_packets(file: InputContainer, stream: VideoStream, progress: Progress) -> Packets:
    """All packets of ``stream``: a demux, nothing is decoded."""
    shown, sound_s, flagged, count, broken = [], [], [], 0, []
    with _errors() as errors:
        try:
            for packet in demuxed(file, stream, *file.streams.audio):
                progress()
                if _passed_over(errors, file.format.name):
                    broken.append((len(shown), "data cannot be made out"))
                if packet.stream.type == "audio" and packet.pts is not None:
                    sound_s.append(float(packet.pts * packet.time_base))
                if packet.stream.index != stream.index or not packet.size:
                    continue
                count += 1
                if packet.is_corrupt:
                    flagged.append(len(shown))
                if not packet.is_discard:
                    duration, key = packet.duration or 0, packet.is_keyframe
                    shown.append(Packet(packet.pts, packet.dts, duration, key))
        except FFmpegError as error:
            broken.append((len(shown), f"FFmpeg: {error.strerror}"))
    broken += [
        (number, "data are missing")
        for number in flagged
        if not _joined(shown, number, stream.time_base)
    ]
    return Packets(shown, count, np.sort(np.array(sound_s, np.float64)), tuple(broken))


def demuxed(file: InputContainer, *streams: Stream) -> Iterator[av.Packet]:
    """The packets of these streams, and an empty one of each at the end."""
    # Last of all PyAV 18 looks for a stream that turned up on the way, and has none of that number.
    with suppress(IndexError):
        yield from file.demux(*streams)


@contextmanager
def _errors() -> Iterator[list[tuple[int, str, str]]]:
    """(level, who, text) of what FFmpeg calls an error while the block runs."""
    before = av_logging.get_level()
    av_logging.set_level(av_logging.ERROR)
    try:
        with av_logging.Capture() as lines:
            yield lines
    finally:
        av_logging.set_level(before)


def _passed_over(errors: list[tuple[int, str, str]], format: str) -> bool:
    """Whether the reader of this format met what it cannot make out: it goes on, or ends, as if
    nothing was there. Forgets the errors."""
    met = format in _PASSING_OVER and any(who == format for _, who, _ in errors)
    errors.clear()
    return met


def _joined(shown: Sequence[Packet], number: int, unit: Fraction) -> bool:
    """Whether two recordings were joined right behind this packet: the count of transport packets
    does not go on there, for which FFmpeg flags one of the last packets, although it is whole."""
    clock = [packet.dts for packet in shown[number : number + _FLAGGED_EARLY + 1]]
    if None in clock:
        return False
    return any(not 0 <= step * unit <= _REORDERED_S for step in np.diff(clock).tolist())


def frame_per_packet(packets: Packets, codec: str, formats: Sequence[str], unit_s: float) -> bool:
    """Whether one packet is one shown frame, at the packet's time stamp. ``formats``: FFmpeg's
    names of the container."""
    if packets.unstamped or codec not in _FRAME_PER_PACKET or _INDEXED_FORMATS.isdisjoint(formats):
        return False
    stamps = np.array([packet.pts for packet in packets.shown], np.int64)
    latest = np.maximum.accumulate(stamps)
    if len(np.unique(stamps)) != len(stamps) or np.any((latest - stamps) * unit_s > _REORDERED_S):
        return False
    hidden_start = packets.count > len(stamps)
    whole_start = packets.shown[0].key and stamps[0] == stamps.min()
    return hidden_start or bool(whole_start)


def slots(packets: Packets, shown: np.ndarray) -> np.ndarray | None:
    """Ticks int64 [F] for frames in an AVI, which has a place in time for each packet and no time
    stamps; what was dropped in recording left its place empty. ``shown``: the stamps of the frames,
    made up by FFmpeg, which tell frames without a picture apart. None where they fit no packets."""
    places = [packet.dts for packet in packets.shown]
    if None in places:
        return None
    if len(places) != len(shown):
        come = set(shown.tolist())
        places = [packet.dts for packet in packets.shown if packet.pts in come]
    ticks = np.sort(np.array(places, np.int64))
    return ticks if len(ticks) == len(shown) and np.all(np.diff(ticks) > 0) else None
