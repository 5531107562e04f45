"""What a page shows of a video: pictures of moments, and a small copy that every browser plays."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from extractors.readers import Container, look, read_with_pyav

PICTURE_WIDTH, COPY_HEIGHT = 192, 480
_TICKS = 90_000
_PLAYED = {("mov", "h264"), ("mov", "av1"), ("matroska", "vp8"), ("matroska", "vp9"),
           ("matroska", "av1")}  # fmt: skip


class Footage:
    """One video file, looked at once; ExtractorError where it cannot be read any more."""

    def __init__(self, path: Path, stream: int | None = None) -> None:
        self._container: Container = look(path, stream=stream)

    @property
    def unplayable(self) -> str | None:
        """What of it a usual browser does not play; None of H.264 in MP4, and of WebM."""
        found = self._container
        eight_bits = found.codec != "h264" or found.pixels in ("yuv420p", "yuvj420p")
        if (found.format, found.codec) in _PLAYED and eight_bits:
            return None
        return f"{found.codec} ({found.pixels}) in {found.format}"

    def picture(self, at_s: float) -> str:
        """The frame that is shown at this time, a small JPEG in base64."""
        index = np.searchsorted(self._container.times_s, at_s, side="right") - 1
        (frame,) = read_with_pyav(self._container, [max(int(index), 0)])
        tall = frame.shape[0] / (frame.shape[1] * self._container.pixel_aspect)
        size = (PICTURE_WIDTH, max(1, round(PICTURE_WIDTH * tall)))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(
            ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 70]
        )
        return base64.b64encode(data.tobytes()).decode()

    def copy(self) -> str:
        """H.264 in MP4 without sound, in base64: at most COPY_HEIGHT rows, each frame when the
        clips have it, so that both stay in step."""
        found, buffer = self._container, io.BytesIO()
        height = min(found.height, COPY_HEIGHT) // 2 * 2 or 2
        width = round(height * found.width * found.pixel_aspect / found.height / 2) * 2 or 2
        with av.open(buffer, "w", format="mp4") as file:
            rate = Fraction(found.fps).limit_denominator(1001)
            stream = file.add_stream("libx264", rate=rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, _TICKS)
            # A key frame a second, for seeking.
            stream.options = {"crf": "29", "preset": "veryfast", "g": str(max(1, round(rate)))}
            for frame, time_s in zip(self._frames(), found.times_s, strict=True):
                small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
                picture = av.VideoFrame.from_ndarray(small, format="rgb24")
                picture.pts = round(float(time_s) * _TICKS)
                picture.time_base = Fraction(1, _TICKS)
                file.mux(stream.encode(picture))
            file.mux(stream.encode())
        return base64.b64encode(buffer.getvalue()).decode()

    def _frames(self) -> Iterable[np.ndarray]:
        return read_with_pyav(self._container, range(self._container.frame_count))
