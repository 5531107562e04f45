"""A video that comes over HTTP: streamed to disk within limits, then checked as by ``extract``."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from extractors import ExtractorError, open_clips
from extractors.readers import VIDEO_SUFFIXES, other_kind
from pipeline.serving.options import GIB, Limits
from pipeline.serving.store import Store
from pipeline.serving.work import nameless

_LONGEST_NAME = 200
_AT_ONCE = 2


class RefusedError(Exception):
    """An upload that is not taken: the HTTP status, and one line that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Received:
    """A file that came whole; whoever has it moves or removes it."""

    path: Path
    digest: str


def clean_name(given: str) -> str:
    """The last part of what an upload calls itself, without what no name needs."""
    last = PurePosixPath(given.replace("\\", "/")).name
    name = "".join(letter for letter in last if letter.isprintable()).strip()
    if not name:
        raise RefusedError(400, "no name: POST /v1/score?name=video.mp4")
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise RefusedError(
            415, f"{name}: no video by its ending (.mp4, .mov, .mkv, .avi, .webm ...)"
        )
    if len(name) > _LONGEST_NAME:
        name = name[: _LONGEST_NAME - len(suffix)] + suffix
    return name


class Uploads:
    """Takes them for one store. ``protocol``: by which they will be read."""

    def __init__(self, store: Store, limits: Limits, protocol: str) -> None:
        self._store, self._limits, self._protocol = store, limits, protocol
        self._looking = asyncio.Semaphore(_AT_ONCE)
        self.bytes = 0

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> Received:
        """RefusedError for what is empty or too large; nothing of that stays."""
        path = self._store.new_upload(PurePosixPath(name).suffix.lower())
        digest, size, most = hashlib.sha256(), 0, self._limits.upload_bytes
        try:
            with path.open("wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > most:
                        raise too_large(name, most)
                    digest.update(chunk)
                    file.write(chunk)
        except ConnectionError:
            path.unlink(missing_ok=True)
            raise
        except OSError as error:
            path.unlink(missing_ok=True)
            raise RefusedError(507, f"{name}: no room for it here ({error.strerror})") from None
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if not size:
            path.unlink(missing_ok=True)
            raise RefusedError(400, f"{name}: empty")
        self.bytes += size
        return Received(path, digest.hexdigest())

    async def look(self, received: Received, name: str) -> tuple[float, int]:
        """Seconds and clips. RefusedError says what is wrong with it; then nothing of it stays."""
        try:
            async with self._looking:
                seconds, clips = await asyncio.to_thread(self._opened, received.path)
            if seconds > self._limits.video_s:
                raise RefusedError(
                    422,
                    f"{name}: {seconds / 60:.1f} minutes long, taken are "
                    f"{self._limits.video_s / 60:g} at most",
                )
        except ExtractorError as error:
            received.path.unlink(missing_ok=True)
            said = " ".join(nameless(str(error), received.path).split()).replace("{name}", name)
            raise RefusedError(422, said) from None
        except BaseException:
            received.path.unlink(missing_ok=True)
            raise
        return seconds, clips

    def _opened(self, path: Path) -> tuple[float, int]:
        if kind := other_kind(path):
            raise ExtractorError(f"{path}: {kind}")
        with open_clips(path, self._protocol) as stream:
            return stream.info.duration_s, len(stream)


def too_large(name: str, most: int) -> RefusedError:
    return RefusedError(413, f"{name}: larger than {most / GIB:.3g} GiB, the most that is taken")
