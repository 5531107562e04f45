"""A video file or a folder of frames as a stream of clips, ready for a backbone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from extractors import decord_reader, frame_folder, pyav_reader
from extractors.container import Container, look
from extractors.errors import ExtractorError
from extractors.preprocess import prepare_frame
from extractors.protocols import TIME_TOLERANCE_S, Protocol, get_protocol

ReaderName = Literal["auto", "decord", "pyav"]
# Strictly increasing frame indices -> those frames, uint8 RGB [height, width, 3].
ReadFrames = Callable[[Sequence[int]], Iterator[np.ndarray]]


@dataclass(frozen=True)
class SourceInfo:
    """Where the clips come from.  Times in seconds, the first shown frame at 0.

    reader       what gives the frames: "decord", "pyav", "opencv"; "decord+pyav" after a takeover.
    reader_note  why it is not decord, where "auto" chose.
    frame_count  frames of the whole source, whatever part of it is read.
    clip_end_s   when the clip's last frame stops being shown.
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


class ClipStream:
    """Clips of one source: uint8 [T, H, W, 3] in time order, read as they are asked for.

    ``len(stream)`` is the number of clips.  Iterating again starts from the first.  ``close()``,
    or leaving a ``with`` block, ends what was started to read.
    """

    def __init__(
        self,
        info: SourceInfo,
        protocol: Protocol,
        indices: np.ndarray,
        readers: dict[str, ReadFrames],
    ) -> None:
        """``indices`` int64 [clips, T]; a reader that decord lets down hands over to the next."""
        self.info = info
        self.protocol = protocol
        self._indices = indices
        self._readers = readers
        self._frames: Iterator[np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[np.ndarray]:
        given = 0
        for name, read in self._readers.items():
            if name != self.info.reader:
                after = f"{self.info.reader}+{name}" if given else name
                self.info = replace(self.info, reader=after)
            try:
                for clip in self._clips(read, self._indices[given:]):
                    yield clip
                    given += 1
                return
            except decord_reader.DecordFailed as error:
                self._note_failure(error)
            finally:
                self.close()

    def _clips(self, read: ReadFrames, indices: np.ndarray) -> Iterator[np.ndarray]:
        self._frames = read(np.unique(indices))
        held, prepared = -1, None
        for clip_indices in indices:
            clip = np.empty(self.protocol.clip_shape, np.uint8)
            for position, index in enumerate(clip_indices):
                if index != held:  # a frame that a protocol repeats is read and prepared once
                    held, prepared = index, prepare_frame(next(self._frames), self.protocol)
                clip[position] = prepared
            yield clip

    def _note_failure(self, error: decord_reader.DecordFailed) -> None:
        if list(self._readers) == ["decord"]:
            raise ExtractorError(
                f"{self.info.path}: decord failed: {error}; reader 'auto' or 'pyav' may read it"
            ) from error
        self.info = replace(self.info, reader_note=f"decord failed: {error}")

    def close(self) -> None:
        """Ends the reading, its child process included."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def __enter__(self) -> ClipStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_clips(path: str | Path, protocol: str | Protocol, **options) -> Iterator[np.ndarray]:
    """The clips of a video or folder: uint8 [T, H, W, 3], RGB, resized and cropped, in time order.

    Options and errors are those of ``open_clips``.  Works from any script, or standard input.
    """
    with open_clips(path, protocol, **options) as stream:
        yield from stream


def open_clips(
    path: str | Path,
    protocol: str | Protocol,
    *,
    reader: ReaderName = "auto",
    start_s: float | None = None,
    end_s: float | None = None,
    frame_rate: float = 25.0,
) -> ClipStream:
    """Looks at the source and plans its clips; nothing is decoded before the first is asked for.

    reader          "auto": decord where it reads the file rightly, else PyAV, which also takes
                    over where decord fails or hangs.  "decord" and "pyav" force one.
    start_s, end_s  only frames that appear in [start_s, end_s), seconds from the first frame.
    frame_rate      of a folder of images; a video has its own.

    Raises ExtractorError (in one line: the file, what is wrong, what to do); its subclass
    DamagedVideoError tells how much is good, also later, while the clips are read.
    """
    path = Path(path)
    protocol = get_protocol(protocol) if isinstance(protocol, str) else protocol
    check_reader(reader)
    if path.is_dir():
        return _open_folder(path, protocol, start_s, end_s, frame_rate)
    return _open_video(path, protocol, start_s, end_s, reader)


def check_reader(name: str) -> None:
    """ExtractorError if there is no such reader."""
    if name not in get_args(ReaderName):
        raise ExtractorError(
            f"unknown reader {name!r}: there are {', '.join(get_args(ReaderName))}"
        )


def _open_video(
    path: Path,
    protocol: Protocol,
    start_s: float | None,
    end_s: float | None,
    reader: ReaderName,
) -> ClipStream:
    container = look(path)
    container.require(end_s)
    times_s, duration_s = container.times_s, container.duration_s
    indices = _plan(path, protocol, times_s, duration_s, start_s, end_s)
    readers, note = _choose(container, reader, first_index=int(indices[0, 0]))
    info = SourceInfo(
        path=str(path),
        kind="video",
        reader=next(iter(readers)),
        reader_note=note,
        codec=container.codec,
        width=container.width,
        height=container.height,
        frame_count=container.frame_count,
        fps=container.fps,
        duration_s=duration_s,
        **_clip_times(indices, times_s, duration_s),
    )
    return ClipStream(info, protocol, indices, readers)


def _open_folder(
    folder: Path,
    protocol: Protocol,
    start_s: float | None,
    end_s: float | None,
    frame_rate: float,
) -> ClipStream:
    if not frame_rate > 0:
        raise ExtractorError(f"{folder}: a frame rate must be above 0, got {frame_rate}")
    images = frame_folder.list_frames(folder)
    times_s, duration_s = np.arange(len(images)) / frame_rate, len(images) / frame_rate
    indices = _plan(folder, protocol, times_s, duration_s, start_s, end_s)
    height, width = frame_folder.read_image(images[0]).shape[:2]
    info = SourceInfo(
        path=str(folder),
        kind="frames",
        reader="opencv",
        reader_note=None,
        codec=images[0].suffix[1:].lower(),
        width=width,
        height=height,
        frame_count=len(images),
        fps=frame_rate,
        duration_s=duration_s,
        **_clip_times(indices, times_s, duration_s),
    )
    return ClipStream(
        info, protocol, indices, {"opencv": partial(frame_folder.read_frames, images)}
    )


def _choose(
    container: Container, reader: ReaderName, first_index: int
) -> tuple[dict[str, ReadFrames], str | None]:
    """(the readers to try, in order; why decord is not among them)."""
    decord = {"decord": partial(decord_reader.read_frames, container)}
    pyav = {"pyav": partial(pyav_reader.read_frames, container)}
    if reader == "pyav":
        return pyav, None
    obstacle = container.decord_unsafe
    if obstacle is None and not decord_reader.available():
        obstacle = "decord is not installed"
    if reader == "decord":
        if obstacle:
            raise ExtractorError(
                f"{container.path}: decord must not read it: {obstacle}; use reader 'auto'"
            )
        return decord, None
    if obstacle is None and first_index >= pyav_reader.SEEK_FROM_FRAME:
        obstacle = "PyAV seeks to a late start"
    if obstacle is None and container.frame_count < decord_reader.WORTH_FRAMES:
        obstacle = "PyAV reads so short a video before decord's process has started"
    return (pyav, obstacle) if obstacle else (decord | pyav, None)


def _plan(
    path: Path,
    protocol: Protocol,
    times_s: np.ndarray,
    duration_s: float,
    start_s: float | None,
    end_s: float | None,
) -> np.ndarray:
    """Frame indices int64 [clips, T] of the part that is asked for."""
    start = 0.0 if start_s is None else start_s
    end = duration_s if end_s is None else end_s
    if not 0 <= start < end <= duration_s + TIME_TOLERANCE_S:
        raise ExtractorError(
            f"{path}: {start:g} s to {end:g} s is not a part of it: it lasts {duration_s:.2f} s"
        )
    first, stop = np.searchsorted(times_s, np.array([start, end]) - TIME_TOLERANCE_S)
    if first == stop:
        raise ExtractorError(f"{path}: no frame appears from {start:g} s to {end:g} s")
    try:
        inside = protocol.frame_indices(times_s[first:stop], min(end, duration_s) - times_s[first])
    except ExtractorError as error:
        part = "" if start_s is None and end_s is None else f" from {start:g} s to {end:g} s"
        raise ExtractorError(f"{path}:{part} {error}") from error
    return inside + first


def _clip_times(
    indices: np.ndarray, times_s: np.ndarray, duration_s: float
) -> dict[str, list[float]]:
    disappears_s = np.append(times_s[1:], duration_s)
    return {
        "clip_start_s": times_s[indices[:, 0]].tolist(),
        "clip_end_s": disappears_s[indices[:, -1]].tolist(),
    }
