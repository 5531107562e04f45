"""How a player turns and mirrors the picture, and what else is to be known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, groupby

import av
import av.filter
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_FLATTEST = Fraction(1, 4)  # no pixel of any format is narrower
COMBS = "interlaced{}: taken with its combs, as it is stored (deinterlace=bwdif takes them out)"
OTHER_PIXELS = "at {} the width of its pixels changes from {} to {}: taken as at the start"
_UNIT = 1 << 16  # of the display matrix's fixed point numbers
# Matrices by their numbers in ITU-T H.273, where the tag is one that is taken.
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Transfer curves of high dynamic range, by their numbers in ITU-T H.273.
_HIGH_RANGE = {16: "HDR (PQ)", 18: "HDR (HLG)"}


@dataclass(frozen=True)
class Orientation:
    """What is done to the stored picture: rows and columns swapped, then flipped."""

    swapped: bool = False
    rows_flipped: bool = False
    columns_flipped: bool = False

    @property
    def mirrored(self) -> bool:
        """Whether it is another picture than any rotation gives."""
        return (self.swapped + self.rows_flipped + self.columns_flipped) % 2 == 1

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [H, W, 3], as a player shows it."""
        if self == UPRIGHT:
            return pixels
        shown = pixels.swapaxes(0, 1) if self.swapped else pixels
        rows = slice(None, None, -1 if self.rows_flipped else 1)
        columns = slice(None, None, -1 if self.columns_flipped else 1)
        return np.ascontiguousarray(shown[rows, columns])


UPRIGHT = Orientation()


def orientation(frame: VideoFrame) -> Orientation:
    """From the frame's display matrix, which places the point (x, y) at (ax + cy, bx + dy)
    (libavutil/display.h). Of an odd angle the nearest quarter turn."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5] / _UNIT
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, bool(d < 0), bool(a < 0))
    return Orientation(True, bool(b < 0), bool(c < 0))


def pixel_aspect(stream: VideoStream, turn: Orientation) -> float:
    """Width of a pixel by its height, as shown; 1 where nothing sensible is said."""
    said = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not said or not _FLATTEST <= said <= 1 / _FLATTEST:
        return 1.0
    return float(1 / said if turn.swapped else said)


def deinterlaced(frames: Iterable[VideoFrame], stream: VideoStream) -> Iterator[VideoFrame]:
    """One whole frame for each, in order: FFmpeg's bwdif (ITU-T and BBC, "Bob Weaver"), which looks
    at the frames around it and leaves those alone that are not interlaced. Where the size changes
    it begins anew."""
    for (width, height, format), alike in groupby(frames, _shape):
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(width=width, height=height, format=format, time_base=stream.time_base),
            graph.add("bwdif", "mode=send_frame:deint=interlaced"),
            graph.add("buffersink"),
        ).configure()
        for frame in chain(alike, [None]):
            graph.push(frame)
            with suppress(av.error.BlockingIOError, av.error.EOFError):
                while True:
                    yield graph.pull()


def _shape(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def colours(frame: VideoFrame) -> str:
    """``bt709, limited``: the matrix and the range by which its pixels become RGB."""
    if frame.format.is_rgb or frame.format.has_palette:
        return "rgb"
    matrix = _MATRICES.get(int(frame.colorspace), "bt601, untagged")
    full = int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj")
    return f"{matrix}, {'full' if full else 'limited'}"


def remarks(frame: VideoFrame) -> list[str]:
    """What of the picture is taken otherwise than a player shows it."""
    said = []
    kind = _HIGH_RANGE.get(int(getattr(frame, "color_trc", 0) or 0))
    depth = max((component.bits for component in frame.format.components), default=8)
    if kind:
        said.append(f"{kind}, {depth} bit: taken as it is stored, duller than a player shows it")
    return said
