"""What a page shows of a video: pictures of moments, and a small copy that every browser plays."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from urllib.parse import quote

import av
import cv2
import numpy as np
from av.error import FFmpegError

from extractors.errors import ExtractorError
from extractors.readers import (
    FRAME_RATE,
    VIDEO_SUFFIXES,
    Container,
    list_frames,
    look,
    read_image,
    read_images,
    read_with_pyav,
)
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
    at        the same, by time: of what else the page shows.
    copy      of all of it; None: the page links the video.
    """

    frame_s: float
    pictures: dict[int, str] = field(default_factory=dict)
    at: dict[float, str] = field(default_factory=dict)
    copy: str | None = None


def linked(video: Path, folder: Path) -> str | None:
    """Where a page in ``folder`` finds the video; None of features and of frames."""
    if video.suffix.lower() not in VIDEO_SUFFIXES or not video.is_file():
        return None
    return quote(os.fsencode(os.path.relpath(video.resolve(), folder.resolve())))


@dataclass(frozen=True, eq=False)
class Moving:
    """A video file or a folder of frames, to be seen. ``read``: frames uint8 RGB of ascending
    numbers."""

    times_s: np.ndarray
    duration_s: float
    fps: float
    size: tuple[int, int]  # height, width
    pixel_aspect: float
    read: Callable[[Sequence[int]], Iterator[np.ndarray]]
    unplayable: str | None  # what of it a usual browser does not play


def moving(path: Path, fps: float | None = None, stream: int | None = None) -> Moving:
    """``fps``: of a folder of frames. ExtractorError where it cannot be read."""
    if path.is_dir():
        series, rate = list_frames(path), fps or FRAME_RATE
        times_s = series.steps / rate
        return Moving(
            times_s, float(times_s[-1] + 1 / rate), rate, read_image(series.images[0]).shape[:2],
            1.0, partial(read_images, series.images), None,
        )  # fmt: skip
    found = look(path, stream=stream)
    return Moving(
        found.times_s, found.duration_s, found.fps, (found.height, found.width),
        found.pixel_aspect, partial(read_with_pyav, found), _unplayable(found),
    )  # fmt: skip


def films_of(
    results: Sequence[Result],
    *,
    stream: int | None,
    embed: bool,
    also: Mapping[str, Sequence[float]] | None = None,
) -> tuple[dict[str, Film], list[str]]:
    """By video, of those that are here; and what is to be said, a line each. What of a video
    cannot be read any more is left out: the page does without. ``also``: by video, more times
    that are to have a picture."""
    of_video: dict[str, list[Result]] = {}
    for result in results:
        path = Path(result.video)
        if path.is_dir() or (path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()):
            of_video.setdefault(result.video, []).append(result)
    films, said = {}, []
    for video, scored in of_video.items():
        try:
            found = moving(Path(video), scored[0].fps, stream)
            films[video] = film = Film(found.duration_s / len(found.times_s))
            film.pictures = _pictures(found, scored)
            for time_s in sorted(set((also or {}).get(video, ()))):
                film.at[time_s] = base64.b64encode(picture(found, time_s)).decode()
            if embed:
                film.copy = _copy(found)
            elif found.unplayable:
                said.append(
                    f"{video}: most browsers do not play {found.unplayable}: add --embed-video"
                )
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


def _pictures(found: Moving, results: Sequence[Result]) -> dict[int, str]:
    return {
        index: base64.b64encode(picture(found, time_s)).decode()
        for index, time_s in moment_times(results).items()
    }


def picture(found: Moving, at_s: float) -> bytes:
    """The frame that is shown then, a small JPEG."""
    index = np.searchsorted(found.times_s, at_s, side="right") - 1
    (frame,) = found.read([max(int(index), 0)])
    tall = frame.shape[0] / (frame.shape[1] * found.pixel_aspect)
    size = (PICTURE_WIDTH, max(1, round(PICTURE_WIDTH * tall)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 70]
    )
    return data.tobytes()


def _copy(found: Moving) -> str:
    """H.264 in MP4 without sound: at most COPY_HEIGHT rows, each frame when the clips have it, so
    that both stay in step."""
    buffer, frames = io.BytesIO(), found.read(range(len(found.times_s)))
    tall, wide = found.size
    height = min(tall, COPY_HEIGHT) // 2 * 2 or 2
    width = round(height * wide * found.pixel_aspect / tall / 2) * 2 or 2
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
