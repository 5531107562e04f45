"""What a page shows of a video: pictures of moments, and a small copy that every browser plays."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import av
import cv2
import numpy as np
from av.error import FFmpegError

from extractors.errors import ExtractorError
from extractors.readers import VIDEO_SUFFIXES, Container, look, read_with_pyav
from pipeline.scoring import Result, moment_clips

PICTURE_WIDTH, COPY_HEIGHT = 192, 480
_TICKS = 90_000
_PLAYED = {("mov", "h264"), ("mov", "av1"), ("matroska", "vp8"), ("matroska", "vp9"),
           ("matroska", "av1")}  # fmt: skip


@dataclass
class Film:
    """What is shown of one video. Pictures and copy in base64.

    frame_s   how long a frame is shown, on average.
    pictures  by clip that is a moment: the frame in its middle, a small JPEG.
    copy      of all of it; None: the page links the video.
    """

    frame_s: float
    pictures: dict[int, str] = field(default_factory=dict)
    copy: str | None = None


def linked(video: Path, folder: Path) -> str | None:
    """Where a page in ``folder`` finds the video; None of features and of frames."""
    if video.suffix.lower() not in VIDEO_SUFFIXES or not video.is_file():
        return None
    return quote(os.fsencode(os.path.relpath(video.resolve(), folder.resolve())))


def films_of(
    results: Sequence[Result], folder: Path, *, stream: int | None, embed: bool
) -> tuple[dict[str, Film], list[str]]:
    """By video, of those that are files here; and what is to be said, a line each. What of a video
    cannot be read any more is left out: the page does without."""
    of_video: dict[str, list[Result]] = {}
    for result in results:
        if linked(Path(result.video), folder) is not None:
            of_video.setdefault(result.video, []).append(result)
    films, said = {}, []
    for video, scored in of_video.items():
        try:
            container = look(video, stream=stream)
            films[video] = film = Film(container.duration_s / container.frame_count)
            film.pictures = _pictures(container, scored)
            if embed:
                film.copy = _copy(container)
            elif what := _unplayable(container):
                said.append(f"{video}: most browsers do not play {what}: add --embed-video")
        except (ExtractorError, FFmpegError) as error:
            said.append(f"{video}: not all of it is shown in the page: {error}")
    return films, said


def _unplayable(found: Container) -> str | None:
    """What of it a usual browser does not play; None of H.264 in MP4, and of WebM."""
    eight_bits = found.codec != "h264" or found.pixels in ("yuv420p", "yuvj420p")
    if (found.format, found.codec) in _PLAYED and eight_bits:
        return None
    return f"{found.codec} ({found.pixels}) in {found.format}"


def moment_times(results: Sequence[Result]) -> dict[int, float]:
    """By clip that is a moment of any of these results of a video: the time of its middle."""
    clips = {
        index: result.parts[index]
        for result in results
        for best in (True, False)
        for index in moment_clips(result, best=best)
    }
    return {
        index: (part.start_s + part.end_s) / 2
        for index, part in sorted(clips.items())
        if part.start_s is not None
    }


def _pictures(container: Container, results: Sequence[Result]) -> dict[int, str]:
    return {
        index: base64.b64encode(picture(container, time_s)).decode()
        for index, time_s in moment_times(results).items()
    }


def picture(container: Container, at_s: float) -> bytes:
    """The frame that is shown then, a small JPEG."""
    index = np.searchsorted(container.times_s, at_s, side="right") - 1
    (frame,) = read_with_pyav(container, [max(int(index), 0)])
    tall = frame.shape[0] / (frame.shape[1] * container.pixel_aspect)
    size = (PICTURE_WIDTH, max(1, round(PICTURE_WIDTH * tall)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 70]
    )
    return data.tobytes()


def _copy(found: Container) -> str:
    """H.264 in MP4 without sound: at most COPY_HEIGHT rows, each frame when the clips have it, so
    that both stay in step."""
    buffer, frames = io.BytesIO(), read_with_pyav(found, range(found.frame_count))
    height = min(found.height, COPY_HEIGHT) // 2 * 2 or 2
    width = round(height * found.width * found.pixel_aspect / found.height / 2) * 2 or 2
    with av.open(buffer, "w", format="mp4") as file:
        rate = Fraction(found.fps).limit_denominator(1001)
        stream = file.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        # A key frame a second, for seeking.
        stream.options = {"crf": "29", "preset": "veryfast", "g": str(max(1, round(rate)))}
        for frame, time_s in zip(frames, found.times_s, strict=True):
            small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
            picture = av.VideoFrame.from_ndarray(small, format="rgb24")
            picture.pts = round(float(time_s) * _TICKS)
            picture.time_base = Fraction(1, _TICKS)
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return base64.b64encode(buffer.getvalue()).decode()
