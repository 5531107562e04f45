"""A file and the one of its video streams that is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from extractors.errors import ExtractorError
from extractors.readers.kinds import other_kind
from extractors.readers.progress import Progress
from extractors.readers.streams import candidates, choose, is_cover

# A playlist in disguise must not make FFmpeg open other files or addresses.
_ONLY_THIS_FILE = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,m4v,h264,hevc,ivf,"
    "dv,gif,nut,rm,wtv,mjpeg,yuv4mpegpipe",
}


def chosen_stream(path: Path, asked: int | None, progress: Progress) -> int:
    """The number of the video stream to be read (see ``choose``). ExtractorError for a file that is
    missing or no video."""
    if not path.is_file():
        odd = path.exists() and not path.is_dir()
        raise ExtractorError(f"{path}: {'not a regular file' if odd else 'no such file'}")
    if kind := other_kind(path):
        raise ExtractorError(f"{path}: {kind}")
    with open_video(path) as (file, _):
        try:
            return choose(file, asked, progress)
        except ExtractorError as error:
            raise ExtractorError(f"{path}: {error}") from None


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
