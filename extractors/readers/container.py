"""What a video file holds, learned from its packets with PyAV: a demux, not a decode.

Where the packets cannot tell which frames a player shows and when (missing or repeated time
stamps, packed or hidden frames, a damaged file), the frames are decoded once to find out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
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
from extractors.readers.damage import BrokenFrameError, Damage, Decoded, among, in_order
from extractors.readers.kinds import other_kind
from extractors.readers.packets import Packets, demuxed, frame_per_packet, read_packets, slots
from extractors.readers.picture import orientation, pixel_aspect
from extractors.readers.picture import remarks as picture_remarks
from extractors.readers.progress import Progress, unobserved
from extractors.readers.streams import candidates, choose, described, is_cover

# A playlist in disguise must not make FFmpeg open other files or addresses.
_ONLY_THIS_FILE = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,m4v,h264,hevc,ivf,"
    "dv,gif,nut,rm,wtv,mjpeg,yuv4mpegpipe",
}
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
    interlaced: bool
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


@contextmanager
def open_video(
    path: Path, number: int | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its video stream of this number (None: the first that can be decoded), decoded
    by one thread; ExtractorError if it has none."""
    try:
        file = av.open(str(path.resolve()), options=_ONLY_THIS_FILE, metadata_errors="replace")
    except (FFmpegError, OSError) as error:
        size = path.stat().st_size if path.is_file() else 0
        raise ExtractorError(
            f"{path}: no video that can be read ({size} bytes; FFmpeg: {error.strerror}); "
            "check that the file is complete and not encrypted"
        ) from error
    with file:
        able = candidates(file)
        if not able:
            raise ExtractorError(f"{path}: {_without_video(file)}")
        stream = able[0] if number is None else file.streams[number]
        stream.codec_context.thread_count = 1
        yield file, stream


def _without_video(file: InputContainer) -> str:
    """What is said of a file without a video stream that can be decoded."""
    kinds = {stream.type for stream in file.streams}
    if any(stream.codec_context is None for stream in file.streams.video):
        return "its video is in a format for which there is no decoder here: convert it"
    if kinds == {"audio"} or (
        kinds == {"audio", "video"} and all(map(is_cover, file.streams.video))
    ):
        return "holds no video, only sound"
    return "holds no video, or none in a format that can be decoded"


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
    except FFmpegError as error:  # where it ends the packets tell: read_packets
        _note(BrokenFrameError(f"FFmpeg: {error.strerror}", 0), broken if broken is None else [])


def _note(error: BrokenFrameError, broken: list[BrokenFrameError] | None) -> None:
    if broken is None:
        raise error
    broken.append(error)


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
    if not path.is_file():
        odd = path.exists() and not path.is_dir()
        raise ExtractorError(f"{path}: {'not a regular file' if odd else 'no such file'}")
    if kind := other_kind(path):
        raise ExtractorError(f"{path}: {kind}")
    number = _chosen(path, stream)
    with open_video(path, number) as (file, stream):
        packets = read_packets(file, stream, progress)
    if not packets.shown:
        raise ExtractorError(f"{path}: its video stream holds no frames")
    with open_video(path, number) as (file, stream):
        formats = file.format.name.split(",")
        missing, codec = missing_end(path, formats[0]), _codec_name(stream)
        by_packet = frame_per_packet(packets, codec, formats, float(stream.time_base))
        whole = not (every_frame or missing or packets.broken)
        trusted = by_packet and whole
        first, came, broken = _scan(file, stream, progress, first_only=trusted)
        stamps, numbers = came, np.arange(len(came))
        if by_packet:
            stamps, numbers = among(came, sorted(packet.pts for packet in packets.shown))
        elif broken and formats[0] != "avi":  # whose stamps are made up by FFmpeg
            stamps, numbers = in_order(came)
        try:
            clock = _clock(stream, packets, stamps, formats[0])
        except ExtractorError as error:
            raise ExtractorError(f"{path}: {error}") from None
        decoded = Decoded(packets, stamps, clock, stream.time_base)
        damage = decoded.damage(broken, missing)
        if damage and damage.holes == ((0.0, math.inf),):
            raise ExtractorError(f"{path}: no video that can be read ({damage.reason})")
        trusted = trusted and clock.source == "stamps" and not clock.jumps
        ticks = np.array(stamps, np.int64) if trusted else None
        turn = orientation(first)
        return Container(
            path=path,
            format=formats[0],
            codec=codec,
            pixels=first.format.name,
            width=first.height if turn.swapped else first.width,
            height=first.width if turn.swapped else first.height,
            interlaced=first.interlaced_frame,
            rotation=first.rotation,
            mirrored=turn.mirrored,
            pixel_aspect=pixel_aspect(stream, turn),
            stream=number,
            streams=tuple(described(file)),
            video_streams=sum(not is_cover(s) for s in file.streams.video),
            discarded=packets.count - len(packets.shown),
            times_s=clock.times_s,
            duration_s=clock.duration_s,
            ticks=ticks,
            stored=np.array([p.pts for p in packets.shown], np.int64) if trusted else None,
            key_frames=np.searchsorted(ticks, sorted(p.pts for p in packets.shown if p.key))
            if trusted
            else np.zeros(1, np.int64),
            damage=damage,
            numbers=numbers if damage else None,
            time_source=clock.source,
            remarks=(*_jumps(clock), *_other_duration(file, clock), *picture_remarks(first)),
        )


def _scan(
    file: InputContainer, stream: VideoStream, progress: Progress, first_only: bool
) -> tuple[VideoFrame, list[int | None], list[BrokenFrameError]]:
    """(first frame, time stamps of all, what is broken) by decoding; only the first if told."""
    first, stamps, broken = None, [], []
    for frame in decode(file, stream, progress, broken=broken):
        first = first or frame
        stamps.append(frame.pts)
        if first_only:
            return first, stamps, []
    if first is None:
        reason = str(broken[0]) if broken else "no frame can be decoded"
        raise ExtractorError(f"{file.name}: no video that can be read ({reason})")
    return first, stamps, broken


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


def _chosen(path: Path, asked: int | None) -> int | None:
    with open_video(path) as (file, _):
        try:
            return choose(file, asked)
        except ExtractorError as error:
            raise ExtractorError(f"{path}: {error}") from None


def _codec_name(stream: VideoStream) -> str:
    """The codec, not the decoder: "av1", where the decoder is called "libdav1d"."""
    return stream.codec_context.codec.canonical_name
