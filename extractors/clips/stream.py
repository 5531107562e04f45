"""A video file or a folder of frames as a stream of clips, ready for a backbone."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from extractors.clips import messages
from extractors.clips import process as reading
from extractors.clips.messages import (
    Opened,
    OpenJob,
    ReaderName,
    ReadJob,
    SourceInfo,
    Takeover,
)
from extractors.errors import ExtractorError, UnforeseenError
from extractors.protocols import Protocol, get_protocol
from extractors.readers import FRAME_RATE, STALL_LIMIT_S


class ClipStream:
    """Clips of one source: uint8 [T, H, W, 3] in time order, read as they are asked for.

    ``len(stream)`` is the number of clips.  Iterating again starts from the first.  ``close()``,
    or leaving a ``with`` block, ends what was started to read.  ``divisible``: from any clip on
    (``clips``) the frames are those that reading from the start gives.  ``read_s``: seconds that
    reading was at work, without the time that it waited for whoever takes the clips.
    """

    def __init__(self, opened: Opened, job: OpenJob, stall_limit_s: float) -> None:
        self.info: SourceInfo = opened.info
        self.protocol = job.protocol
        self.divisible = opened.divisible
        self.read_s = 0.0
        self._opened = opened
        self._job = job
        self._stall_limit_s = stall_limit_s
        self._processes: list[reading.ReadingProcess] = []
        self._lock = threading.RLock()
        self._closed = False

    def __len__(self) -> int:
        return len(self.info.clip_start_s)

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.clips(0, len(self))

    def clips(self, first: int, stop: int) -> Iterator[np.ndarray]:
        """The clips from number ``first`` (from 0) on, before ``stop``."""
        self.info, given, died = self._opened.info, first, False
        self._closed = False
        while True:
            try:
                for clip in self._clips_from(given, stop):
                    yield clip
                    given += 1
                return
            except reading.ProcessEnded as error:
                # Once it may have been ended from outside, for want of memory say; not twice.
                if died or self._closed:
                    raise self._failure(error, given) from error
                died = True
            except (reading.ReadingStopped, UnforeseenError) as error:
                raise self._failure(error, given) from error

    def _clips_from(self, first: int, stop: int) -> Iterator[np.ndarray]:
        # decord gets half, so that PyAV takes over in time.
        job = ReadJob(self._opened.source, self._job.folder, first, stop, self._stall_limit_s / 2)
        with reading.borrowed_process() as process:
            with self._lock:
                self._processes.append(process)
            try:
                for kind, body in process.answers(job, self._stall_limit_s):
                    if kind == messages.TAKEOVER:
                        self._note(pickle.loads(body))
                    elif kind == messages.REMARK:
                        self._remark(bytes(body).decode())
                    elif kind == messages.SPENT:
                        self.read_s += messages.SECONDS.unpack(body)[0]
                    else:
                        yield body.reshape(self.protocol.clip_shape)
            finally:
                with self._lock:
                    self._processes.remove(process)

    def _note(self, takeover: Takeover) -> None:
        self.info = replace(self.info, reader=takeover.reader, reader_note=takeover.note)

    def _remark(self, line: str) -> None:
        if line not in self.info.remarks:  # said again after a process that died
            self.info = replace(self.info, remarks=(*self.info.remarks, line))

    def _failure(self, error: Exception, given: int) -> ExtractorError:
        if isinstance(error, reading.ProcessForked):
            return ExtractorError(f"{self.info.path}: {error}")
        clip = min(given, len(self) - 1)
        at_s = self.info.clip_start_s[clip]
        where = f"at about clip {clip + 1} of {len(self)} (t = {at_s:.2f} s)"
        return _named(self.info.path, error, where)

    def close(self) -> None:
        """Ends the reading; what is being iterated gives no more clips."""
        with self._lock:
            self._closed = True
            for process in self._processes:
                process.kill()

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
    frame_rate: float = FRAME_RATE,
    salvage: bool = False,
    stream: int | None = None,
    stored_aspect: bool = False,
    stall_limit_s: float = STALL_LIMIT_S,
) -> ClipStream:
    """Opens the source and plans its clips; nothing is decoded before the first is asked for.

    The source is opened and read in a process of its own, which may hang or crash without harm.

    reader          "auto": PyAV, at least as fast as decord on every kind of file.  "pyav" forces
                    it.  "decord": refused where it would not show the right frames; where it fails
                    or hangs, PyAV takes over.
    start_s, end_s  only frames that appear in [start_s, end_s), seconds from the first frame.
    frame_rate      frames/s of a folder of images; a video has its own.
    salvage         of a damaged video the clips that lie outside of the damage, on the grid of the
                    whole: ``info.clip_index`` tells which they are.  It is decoded twice.
    stream          number of a file's video stream; by default the one that a person would watch.
    stored_aspect   pixels count as square, as in the published features of the data sets.
    stall_limit_s   reading that does not get on for so long is given up.

    Raises ExtractorError (in one line: the file, what is wrong, what to do); its subclass
    DamagedVideoError tells how much is good, also later, while the clips are read.
    """
    protocol = get_protocol(protocol) if isinstance(protocol, str) else protocol
    check_reader(reader)
    if not stall_limit_s > 0:
        raise ExtractorError(f"a limit without progress must be above 0 s, got {stall_limit_s}")
    path = Path(path)
    folder = "/" if path.is_absolute() else reading.working_folder()
    job = OpenJob(
        str(path),
        folder,
        protocol,
        reader,
        start_s,
        end_s,
        frame_rate,
        salvage,
        stream,
        stored_aspect,
    )
    try:
        opened = _open(job, stall_limit_s)
    except (reading.ReadingStopped, UnforeseenError) as error:
        raise _named(job.path, error, "while opening it") from error
    return ClipStream(opened, job, stall_limit_s)


def _open(job: OpenJob, stall_limit_s: float) -> Opened:
    """As clips are: asked for once more where the process was ended, at rest or from outside."""
    try:
        return _open_once(job, stall_limit_s)
    except reading.ProcessEnded:
        return _open_once(job, stall_limit_s)


def _open_once(job: OpenJob, stall_limit_s: float) -> Opened:
    with reading.borrowed_process() as process:
        ((_, body),) = process.answers(job, stall_limit_s)
    return pickle.loads(body)


def check_reader(name: str) -> None:
    """ExtractorError if there is no such reader."""
    if name not in get_args(ReaderName):
        raise ExtractorError(
            f"unknown reader {name!r}: there are {', '.join(get_args(ReaderName))}"
        )


def _named(path: str, error: Exception, where: str) -> ExtractorError:
    text = " ".join(str(error).split())
    hint = "; is the file damaged, its storage out of reach, memory short?"
    return ExtractorError(f"{path}: {text} {where}{hint}")
