"""A folder of numbered JPEG or PNG images as a video (the raw layout of LOGO), read with OpenCV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from extractors.errors import ExtractorError
from extractors.readers.file_names import IMAGE_SUFFIXES
from extractors.readers.progress import Progress, unobserved

# The last bytes of a complete file, by its first ones.  OpenCV fills what is missing with grey.
_END_MARKS = {b"\xff\xd8": (b"\xff\xda", b"\xff\xd9"), b"\x89P": (b"IDAT", b"IEND")}


def list_frames(folder: Path) -> list[Path]:
    """The folder's images in natural order ("2.jpg" before "10.jpg"); ExtractorError if none."""
    shown = (path for path in folder.iterdir() if path.name[0] != ".")
    images = [path for path in shown if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise ExtractorError(f"{folder}: holds no frames (looked for {', '.join(IMAGE_SUFFIXES)})")
    return sorted(images, key=_natural)


def read_images(
    images: Sequence[Path], indices: Sequence[int], progress: Progress = unobserved
) -> Iterator[np.ndarray]:
    """The images at these indices, uint8 RGB [height, width, 3]."""
    for index in indices:
        progress()
        yield read_image(images[index])


def read_image(path: Path) -> np.ndarray:
    """uint8 RGB [height, width, 3]; ExtractorError for an image that is broken or cut short."""
    data = path.read_bytes()
    last_part, end = _END_MARKS.get(data[:2], (b"", b""))
    complete = data.rfind(end) > data.rfind(last_part) if end else bool(data)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if complete else None
    if image is None:
        raise ExtractorError(f"{path}: broken image ({len(data)} bytes); replace or remove it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|\D+", path.stem)
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts]
