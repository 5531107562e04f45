"""What a video file holds, learned from its packets with PyAV: a demux, not a decode.

Where the packets cannot tell which frames a player shows and when (missing or repeated time
stamps, packed or hidden frames, a damaged file), the frames are decoded once to find out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from extractors.errors import DamagedVideoError, ExtractorError
from extractors.protocols import TIME_TOLERANCE_S
from extractors.readers.progress import Progress, unobserved

# A playlist in disguise must not make FFmpeg open other files or addresses.
_ONLY_THIS_FILE = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,m4v,h264,hevc,ivf,"
    "dv,gif,nut,rm,wtv,mjpeg",
}
# Where one packet is one shown frame: not so for packed MPEG-4 in AVI, hidden VP8 frames, fields.
_FRAME_PER_PACKET = {"h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "prores"}
_INDEXED_FORMATS = {"mov", "matroska"}
_DECORD_CODECS = {"h264", "hevc", "mpeg4"}
_DECORD_PIXELS = {"yuv420p"}
_DECORD_MIN_WIDTH = 64  # below, it takes the padding of a row for a fourth channel
# Headers round durations, and a last sound may end a little before its picture.
_HEADER_TOLERANCE_S = 2.0


@dataclass(frozen=True, eq=False)
class Container:
    """A video file as its best video stream shows it.  Times in seconds, the first frame at 0."""

    path: Path
    format: str  # FFmpeg's first name for it: "mov" (MP4 too), "matroska", "avi", ...
    codec: str
    pixels: str  # "yuv420p"
    width: int  # as shown, rotation applied
    height: int
    interlaced: bool
    rotation: int  # degrees counter-clockwise that a player turns the picture: 0, 90, 180, -90
    video_streams: int
    discarded: int  # packets that an edit list hides
    times_s: np.ndarray  # float64 [F], strictly increasing: when each shown frame appears
    duration_s: float  # until the last frame disappears
    ticks: np.ndarray | None  # int64 [F], time stamps as the decoder gives them; None: not reliable
    key_frames: np.ndarray  # int64, indices of shown frames from which decoding can start
    damage: str | None  # why nothing after duration_s can be read

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
            (
                self.width < _DECORD_MIN_WIDTH,
                f"decord misreads less than {_DECORD_MIN_WIDTH} columns",
            ),
            (self.ticks is None, "its time stamps cannot be trusted"),
            (not self.constant_rate, "its frame rate varies"),
            (self.ticks is not None and self.ticks[0] != 0, "its time stamps do not start at 0"),
        )
        return next((reason for holds, reason in obstacles if holds), None)

    def require(self, end_s: float | None) -> None:
        """DamagedVideoError if the file is damaged before ``end_s`` (None: anywhere)."""
        if self.damage and (end_s is None or end_s > self.duration_s + TIME_TOLERANCE_S):
            raise DamagedVideoError(str(self.path), self.damage, self.duration_s)


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its best video stream, decoded by one thread; ExtractorError if it has none."""
    try:
        file = av.open(str(path.resolve()), options=_ONLY_THIS_FILE)
    except (FFmpegError, OSError) as error:
        size = path.stat().st_size if path.is_file() else 0
        raise ExtractorError(
            f"{path}: no video that can be read ({size} bytes; FFmpeg: {error.strerror}); "
            "check that the file is complete"
        ) from error
    with file:
        stream = file.streams.best("video")
        cover = stream is not None and stream.disposition & Disposition.attached_pic
        if stream is None or stream.codec_context is None or cover:
            raise ExtractorError(f"{path}: holds no video, or none in a format that can be decoded")
        stream.codec_context.thread_count = 1
        yield file, stream


class BrokenFrameError(Exception):
    """The next frame cannot be had; the text says why."""


def decode(
    file: InputContainer,
    stream: VideoStream,
    progress: Progress = unobserved,
    first_tick: int | None = None,
) -> Iterator[VideoFrame]:
    """Frames in the order shown, those before ``first_tick`` left out.  Raises BrokenFrameError."""
    try:
        for frame in file.decode(stream):
            progress()
            if first_tick is not None and frame.pts < first_tick:
                continue
            if frame.is_corrupt:
                raise BrokenFrameError("a frame cannot be decoded in full")
            yield frame
    except FFmpegError as error:
        raise BrokenFrameError(f"FFmpeg: {error.strerror}") from error


def look(path: str | Path, progress: Progress = unobserved) -> Container:
    """Opens, demuxes and closes the file.  ExtractorError if it is missing or no video."""
    path = Path(path)
    if not path.is_file():
        odd = path.exists() and not path.is_dir()
        raise ExtractorError(f"{path}: {'not a regular file' if odd else 'no such file'}")
    packets = _read_packets(path, progress)
    with open_video(path) as (file, stream):
        shown, damage = packets.shown, packets.damage
        trusted = damage is None and _trustworthy(file, stream, packets)
        first, ticks, damage = _scan(file, stream, damage, progress, first_only=trusted)
        if trusted:
            ticks = np.array(sorted(p.pts for p in shown), np.int64)
        times_s, last_s = _times(ticks, stream, shown, by_rate=packets.unstamped)
        turned = first.rotation % 180 != 0
        return Container(
            path=path,
            format=file.format.name.split(",")[0],
            codec=_codec_name(stream),
            pixels=first.format.name,
            width=first.height if turned else first.width,
            height=first.width if turned else first.height,
            interlaced=first.interlaced_frame,
            rotation=first.rotation,
            video_streams=packets.video_streams,
            discarded=packets.count - len(shown),
            times_s=times_s,
            duration_s=float(times_s[-1] + last_s),
            ticks=ticks if trusted else None,
            key_frames=np.searchsorted(ticks, sorted(p.pts for p in shown if p.key))
            if trusted
            else np.zeros(1, np.int64),
            damage=damage,
        )


@dataclass(frozen=True)
class _Packet:
    pts: int | None
    duration: int
    key: bool


@dataclass(frozen=True)
class _Packets:
    shown: list[_Packet]  # in file order, without those that an edit list hides
    count: int
    video_streams: int
    damage: str | None

    @property
    def unstamped(self) -> bool:
        return any(p.pts is None for p in self.shown)


def _read_packets(path: Path, progress: Progress) -> _Packets:
    shown, count, last_s, damage = [], 0, 0.0, None
    with open_video(path) as (file, stream):
        pictures = [s for s in file.streams.video if not s.disposition & Disposition.attached_pic]
        try:
            for packet in file.demux():
                progress()
                if packet.pts is not None and packet.size:
                    end = packet.pts + (packet.duration or 0)
                    last_s = max(last_s, float(end * packet.time_base))
                if packet.stream.index != stream.index or not packet.size:
                    continue
                count += 1
                if packet.is_corrupt:
                    damage = "the file is cut short"
                if not packet.is_discard:
                    shown.append(_Packet(packet.pts, packet.duration or 0, packet.is_keyframe))
        except FFmpegError as error:
            damage = f"FFmpeg: {error.strerror}"
        header_s = (file.duration or 0) / av.time_base + max(file.start_time or 0, 0) / av.time_base
        if damage is None and (
            (stream.frames > count and "mov" in file.format.name)
            or header_s > last_s + max(_HEADER_TOLERANCE_S, 0.02 * header_s)
        ):
            damage = "the file is cut short"
    if not shown:
        raise ExtractorError(f"{path}: its video stream holds no frames")
    return _Packets(shown, count, len(pictures), damage)


def _trustworthy(file: InputContainer, stream: VideoStream, packets: _Packets) -> bool:
    """Whether one packet is one shown frame, at the packet's time stamp."""
    stamps = [p.pts for p in packets.shown]
    if packets.unstamped or len(set(stamps)) != len(stamps):
        return False
    hidden_start = packets.count > len(stamps)
    whole_start = packets.shown[0].key and stamps[0] == min(stamps)
    return (
        _codec_name(stream) in _FRAME_PER_PACKET
        and not _INDEXED_FORMATS.isdisjoint(file.format.name.split(","))
        and (hidden_start or whole_start)
    )


def _scan(
    file: InputContainer,
    stream: VideoStream,
    damage: str | None,
    progress: Progress,
    first_only: bool,
) -> tuple[VideoFrame, np.ndarray, str | None]:
    """(first frame, time stamps of all, damage) by decoding; only the first frame if told."""
    first, stamps = None, []
    try:
        for frame in decode(file, stream, progress):
            first = first or frame
            stamps.append(frame.pts)
            if first_only:
                break
    except BrokenFrameError as error:
        damage = damage or str(error)
    if first is None:
        reason = damage or "no frame can be decoded"
        raise ExtractorError(f"{file.name}: no video that can be read ({reason})")
    return first, np.array(stamps, np.int64), damage


def _times(
    ticks: np.ndarray, stream: VideoStream, shown: list[_Packet], by_rate: bool
) -> tuple[np.ndarray, float]:
    """(when each frame appears, how long the last one stays), in seconds."""
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    if by_rate or np.any(np.diff(ticks) <= 0):
        return np.arange(len(ticks)) / rate, 1 / rate
    times_s = (ticks - ticks[0]) * float(stream.time_base)
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1 / rate
    last = next((p.duration for p in shown if p.pts == ticks[-1]), 0)
    return times_s, float(last * stream.time_base) or step_s


def _codec_name(stream: VideoStream) -> str:
    """The codec, not the decoder: "av1", where the decoder is called "libdav1d"."""
    return stream.codec_context.codec.canonical_name
