"""What a video file holds, learned from its packets with PyAV: a demux, not a decode.

Where the packets cannot tell which frames a player shows and when (missing or repeated time
stamps, packed or hidden frames, a damaged file), the frames are decoded once to find out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from extractors.errors import DamagedVideoError, ExtractorError, Hole
from extractors.protocols import TIME_TOLERANCE_S
from extractors.readers.clock import (
    Clock,
    Stamps,
    TimeSource,
    best_rate,
    from_stamps,
    spoken,
    steady,
)
from extractors.readers.completeness import missing_end
from extractors.readers.damage import Damage, Decoded, among, in_order
from extractors.readers.decoding import scan
from extractors.readers.opening import chosen_stream, open_video
from extractors.readers.packets import Packets, frame_per_packet, read_packets, slots
from extractors.readers.picture import colours, orientation, pixel_aspect
from extractors.readers.picture import remarks as picture_remarks
from extractors.readers.progress import Progress, unobserved
from extractors.readers.streams import described, is_cover

_INDEXED_FORMATS = {"mov", "matroska"}
_DECORD_CODECS = {"h264", "hevc", "mpeg4"}
_DECORD_PIXELS = {"yuv420p"}
_DECORD_MIN_WIDTH = 64  # below, it takes the padding of a row for a fourth channel
# Headers round durations, and sound may end a little before or after its picture.
_HEADER_TOLERANCE_S, _HEADER_TOLERANCE = 2.0, 0.02
_JUMPS_SAID = 3


@dataclass(frozen=True, eq=False)
class Container:
    """A video file as its best video stream shows it.  Times in seconds, the first frame at 0."""

    path: Path
    format: str  # FFmpeg's first name for it: "mov" (MP4 too), "matroska", "avi", ...
    codec: str
    pixels: str  # "yuv420p"
    width: int  # pixels as shown, rotation applied
    height: int
    interlaced: bool  # its first frame
    colours: str  # matrix and range: "bt709, limited"
    rotation: int  # degrees counter-clockwise that a player turns the picture: 0, 90, 180, -90
    mirrored: bool  # before it is turned
    pixel_aspect: float  # width of a pixel by its height, as shown
    stream: int  # the number of the one that is read
    streams: tuple[str, ...]  # all video streams, a line each
    video_streams: int  # without covers
    discarded: int  # packets that an edit list hides
    times_s: np.ndarray  # float64 [F], strictly increasing: when each shown frame appears
    duration_s: float  # until the last frame disappears, damaged or not
    ticks: np.ndarray | None  # int64 [F], time stamps as the decoder gives them; None: not reliable
    stored: np.ndarray | None  # int64 [F], the same in the order of the file
    key_frames: np.ndarray  # int64, indices of shown frames from which decoding can start
    damage: Damage | None  # what of it cannot be read, as far as was looked
    numbers: np.ndarray | None  # int64 [F], of a damaged one: places among what decodes, -1: lost
    time_source: TimeSource
    remarks: tuple[str, ...]  # what a person should know of it, a line each

    @property
    def frame_count(self) -> int:
        return len(self.times_s)

    @property
    def fps(self) -> float:
        return self.frame_count / self.duration_s

    @property
    def constant_rate(self) -> bool:
        steps = np.diff(self.times_s)
        return len(steps) == 0 or bool(np.ptp(steps) <= 2 * TIME_TOLERANCE_S)

    @property
    def decord_unsafe(self) -> str | None:
        """Why decord would not give the frames that a player shows; None where it does."""
        obstacles = (
            (self.damage, "it is damaged"),
            (self.codec not in _DECORD_CODECS, f"{self.codec} is not for decord"),
            (self.format not in _INDEXED_FORMATS, f"{self.format} is not for decord"),
            (self.pixels not in _DECORD_PIXELS, f"{self.pixels} is not for decord"),
            (self.height % 2, "it has an odd number of rows, where its colours differ"),
            (self.interlaced, "it is interlaced, where its colours differ"),
            (self.discarded, f"an edit list hides {self.discarded} packets, decord shows them"),
            (self.video_streams > 1, f"it has {self.video_streams} video streams"),
            (self.rotation, "it is rotated"),
            (self.mirrored, "it is mirrored"),
            (
                self.width < _DECORD_MIN_WIDTH,
                f"decord misreads less than {_DECORD_MIN_WIDTH} columns",
            ),
            (self.ticks is None, "its time stamps cannot be trusted"),
            (not self.constant_rate, "its frame rate varies"),
            (self.ticks is not None and self.ticks[0] != 0, "its time stamps do not start at 0"),
        )
        return next((reason for holds, reason in obstacles if holds), None)

    @property
    def holes(self) -> tuple[Hole, ...]:
        """Spans in which no frame is good."""
        return self.damage.holes if self.damage else ()

    def require(self, end_s: float | None, start_s: float | None = None) -> None:
        """DamagedVideoError if the file is damaged between ``start_s`` and ``end_s`` (None: its
        ends)."""
        for hole_start_s, hole_end_s in self.holes:
            before = end_s is not None and end_s <= hole_start_s + TIME_TOLERANCE_S
            after = start_s is not None and start_s >= hole_end_s - TIME_TOLERANCE_S
            if not (before or after):
                good_s = self.holes[0][0]
                raise DamagedVideoError(str(self.path), self.damage.reason, good_s, self.holes)


def look(
    path: str | Path,
    progress: Progress = unobserved,
    every_frame: bool = False,
    stream: int | None = None,
) -> Container:
    """Opens, demuxes and closes the file; decodes it where the packets cannot tell what is shown,
    or to find all damage (``every_frame``).  ExtractorError if it is missing or no video.

    stream  number of the video stream to be read; None: the one that a person would watch.
    """
    path = Path(path)
    number = chosen_stream(path, stream, progress)
    with open_video(path, number) as (file, video):
        packets = read_packets(file, video, progress)
    if not packets.shown:
        raise ExtractorError(f"{path}: its video stream holds no frames")
    with open_video(path, number) as (file, video):
        try:
            timeline = _timeline(path, (file, video), packets, every_frame, progress)
        except ExtractorError as error:
            raise ExtractorError(f"{path}: {error}") from None
        first, clock, ticks = timeline.first, timeline.clock, timeline.ticks
        turn = orientation(first)
        return Container(
            path=path,
            format=_format(file),
            codec=_codec_name(video),
            pixels=first.format.name,
            width=first.height if turn.swapped else first.width,
            height=first.width if turn.swapped else first.height,
            interlaced=first.interlaced_frame,
            colours=colours(first),
            rotation=first.rotation,
            mirrored=turn.mirrored,
            pixel_aspect=pixel_aspect(video, turn),
            stream=number,
            streams=tuple(described(file)),
            video_streams=sum(not is_cover(each) for each in file.streams.video),
            discarded=packets.count - len(packets.shown),
            times_s=clock.times_s,
            duration_s=clock.duration_s,
            ticks=ticks,
            stored=None if ticks is None else np.array([p.pts for p in packets.shown], np.int64),
            key_frames=np.zeros(1, np.int64)
            if ticks is None
            else np.searchsorted(ticks, sorted(p.pts for p in packets.shown if p.key)),
            damage=timeline.damage,
            numbers=timeline.numbers if timeline.damage else None,
            time_source=clock.source,
            remarks=(*_jumps(clock), *_other_duration(file, clock), *picture_remarks(first)),
        )


@dataclass(frozen=True, eq=False)
class _Timeline:
    """``ticks`` and ``numbers`` as in ``Container``; ``first`` frame that is shown."""

    first: VideoFrame
    clock: Clock
    ticks: np.ndarray | None
    numbers: np.ndarray
    damage: Damage | None


def _timeline(
    path: Path,
    opened: tuple[InputContainer, VideoStream],
    packets: Packets,
    every_frame: bool,
    progress: Progress,
) -> _Timeline:
    """From the packets alone where they can be trusted, else by decoding. ExtractorError, without
    the file's name, where there is nothing good, or nobody could play it."""
    file, stream = opened
    format, codec = _format(file), _codec_name(stream)
    missing = missing_end(path, format)
    by_packet = frame_per_packet(
        packets, codec, file.format.name.split(","), float(stream.time_base)
    )
    trusted = by_packet and not (every_frame or missing or packets.broken)
    first, came, broken = scan(file, stream, progress, first_only=trusted)
    stamps, numbers = came, np.arange(len(came))
    if by_packet:
        stamps, numbers = among(came, sorted(packet.pts for packet in packets.shown))
    elif broken and format != "avi":  # whose stamps are made up by FFmpeg
        stamps, numbers = in_order(came)
    clock = _clock(stream, packets, stamps, format)
    damage = Decoded(packets, stamps, clock, stream.time_base).damage(broken, missing)
    if damage and damage.holes == ((0.0, math.inf),):
        raise ExtractorError(f"no video that can be read ({damage.reason})")
    sound = trusted and clock.source == "stamps" and not clock.jumps
    return _Timeline(first, clock, np.array(stamps, np.int64) if sound else None, numbers, damage)


def _clock(
    stream: VideoStream, packets: Packets, stamps: Sequence[int | None], format: str
) -> Clock:
    """When the frames with these stamps appear."""
    context = stream.codec_context
    rate = best_rate(context.framerate, stream.average_rate, stream.guessed_rate)
    if packets.unstamped or None in stamps:
        return steady(len(stamps), rate)
    ticks = np.array(stamps, np.int64)
    stays = {packet.pts: packet.duration for packet in packets.shown}
    lasts = np.array([stays.get(tick, 0) for tick in stamps], np.int64)
    if format == "avi":
        places = slots(packets, ticks)
        if places is None:
            return steady(len(stamps), rate)
        ticks, lasts = places, np.full(len(places), round(rate.step_s / stream.time_base), np.int64)
    return from_stamps(Stamps(ticks, stream.time_base, lasts, packets.sound_s, format), rate)


def _jumps(clock: Clock) -> Iterator[str]:
    """What to say where the clock jumps."""
    for jump in clock.jumps[:_JUMPS_SAID]:
        ahead = "ahead" if jump.by_s > 0 else "back"
        yield (
            f"its clock jumps {ahead} by {spoken(abs(jump.by_s))} at {spoken(jump.at_s)}; "
            "taken as going on there"
        )
    if len(clock.jumps) > _JUMPS_SAID:
        yield f"its clock jumps {len(clock.jumps) - _JUMPS_SAID} times more"


def _other_duration(file: InputContainer, clock: Clock) -> Iterator[str]:
    """What to say where the header tells of another length: at most a remark, since trims,
    chapters, sound and live recordings all leave it longer."""
    header_s = (file.duration or 0) / av.time_base
    if (
        not clock.jumps
        and abs(header_s - clock.duration_s)
        > max(_HEADER_TOLERANCE_S, _HEADER_TOLERANCE * clock.duration_s)
        and header_s
    ):
        yield f"its header says {spoken(header_s)}, {spoken(clock.duration_s)} are there"


def _format(file: InputContainer) -> str:
    return file.format.name.split(",")[0]


def _codec_name(stream: VideoStream) -> str:
    """The codec, not the decoder: "av1", where the decoder is called "libdav1d"."""
    return stream.codec_context.codec.canonical_name
