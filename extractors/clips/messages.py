"""What the two sides of reading tell each other: ``extractors.clips.process`` and its child.

Either way a message is its kind (one byte), the length of its body (uint64, little-endian) and the
body.  To the child: b"J", a pickled job.  From it, in this order for one job:

    b"."  it gets on: a packet was passed, a frame was decoded; empty body; any number, anywhere
    b"O"  a pickled Opened                              } the answer to an OpenJob
    b"S"  float64, seconds that the next clip took      } the answer to a ReadJob: every clip in
    b"C"  its bytes, uint8 [T, H, W, 3]                 } order, then b"D" with an empty body
    b"R"  a pickled Takeover, before the clips it means }
    b"N"  a remark on the footage, UTF-8                }
    b"E"  the pickled exception that ended the job (ExtractorError, UnforeseenError)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Literal

from extractors.protocols import Protocol

HEAD = struct.Struct("<cQ")
SECONDS = struct.Struct("<d")
JOB, ALIVE, OPENED, SPENT, CLIP, TAKEOVER = b"J", b".", b"O", b"S", b"C", b"R"
REMARK, DONE, ERROR = b"N", b"D", b"E"

ReaderName = Literal["auto", "decord", "pyav"]


@dataclass(frozen=True)
class SourceInfo:
    """Where the clips come from.  Times in seconds, the first shown frame at 0.

    reader       what gives the frames: "decord", "pyav", "opencv"; "decord+pyav" after a takeover.
    reader_note  why it is not decord, where "auto" chose or PyAV took over.
    frame_count  frames of the whole source, whatever part of it is read.
    clip_end_s   when the clip's last frame stops being shown.
    time_source  what times are from: the container's time "stamps", the "codec"'s own rate, the
                 "header"'s, the "frame rate" of a folder.
    stream       number of the video stream that is read, of ``streams``, a line each.
    pixel_aspect width of a pixel by its height; ``aspect`` "stored": it was not regarded.
    interlaced   whether its first frame is; ``colours``: matrix and range, "bt709, limited".
    remarks      what a person should know of the footage, a line each.
    clip_index   of a salvaged video: the numbers of its clips among the ``whole_clips`` of the
                 whole, of which some are left out; None: there is no gap.
    """

    path: str
    kind: Literal["video", "frames"]
    reader: str
    reader_note: str | None
    codec: str
    width: int
    height: int
    frame_count: int
    fps: float
    duration_s: float
    clip_start_s: list[float] = field(repr=False)
    clip_end_s: list[float] = field(repr=False)
    time_source: str = "stamps"
    interlaced: bool = False
    colours: str | None = None
    remarks: tuple[str, ...] = ()
    stream: int | None = None
    streams: tuple[str, ...] = ()
    pixel_aspect: float = 1.0
    aspect: Literal["shown", "stored"] = "shown"
    clip_index: list[int] | None = field(default=None, repr=False)
    whole_clips: int | None = None


@dataclass(frozen=True)
class OpenJob:
    """Look at the source and plan its clips.

    path     as the caller wrote it; a relative one starts from ``folder``.
    salvage  of a damaged video, the clips that lie outside of the damage.
    stream   number of the video stream; None: the one that a person would watch.
    stored_aspect  pixels count as square whatever the protocol says.
    """

    path: str
    folder: str
    protocol: Protocol
    reader: ReaderName
    start_s: float | None
    end_s: float | None
    frame_rate: float
    salvage: bool = False
    stream: int | None = None
    stored_aspect: bool = False


@dataclass(frozen=True)
class Opened:
    """``source`` is pickled by the child for the child: what it needs to read the clips.

    divisible  reading may begin at any clip, with the same frames as from the start.
    """

    info: SourceInfo
    source: bytes
    divisible: bool


@dataclass(frozen=True)
class ReadJob:
    """Send the clips of an opened source from number ``first`` (from 0) on, before ``stop``.

    decord_limit_s  decord giving nothing for so long is ended, and PyAV reads on.
    """

    source: bytes
    folder: str
    first: int
    stop: int
    decord_limit_s: float


@dataclass(frozen=True)
class Takeover:
    """From the next clip on another reader gives the frames."""

    reader: str
    note: str
