"""Pictures of an uploaded video, read in a process that may crash or hang."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from aqa.storage import write_atomically, write_json
from pipeline.cluster import RayLostError, driven
from pipeline.errors import UsageError

LIMIT_S = 120.0


def stills(video: Path, times_s: Sequence[float], limit_s: float = LIMIT_S) -> list[bytes]:
    """JPEGs of the frames that are shown at these times. UsageError where they cannot be read;
    ``limit_s`` without any is too long."""
    try:
        return list(driven(_read, video, list(times_s), limit_s=limit_s))
    except RayLostError as error:  # the name is of who else uses such processes
        raise UsageError(f"no pictures: {error}") from None


def write_pictures(path: Path, video: Path, times_s: Mapping[str, float]) -> None:
    """JSON: what a page has of its moments, in base64, by clip."""
    data = stills(video, list(times_s.values()))
    write_json(
        path,
        {clip: base64.b64encode(one).decode() for clip, one in zip(times_s, data, strict=True)},
    )


def write_thumbnails(path: Path, video: Path, times_s: Sequence[float]) -> None:
    """A ZIP with a picture of each clip, in order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, (time_s, data) in enumerate(
            zip(times_s, stills(video, times_s), strict=True), 1
        ):
            archive.writestr(f"clip-{number:04d}-{time_s:.1f}s.jpg", data)
    write_atomically(path, lambda file: file.write(buffer.getvalue()))


def _read(video: Path, times_s: list[float]) -> Iterator[bytes]:
    from pipeline.reports import moving, picture

    found = moving(video)
    for time_s in times_s:
        yield picture(found, time_s)
