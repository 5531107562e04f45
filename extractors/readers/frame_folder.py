"""A folder of numbered images as a video (the raw layout of LOGO), read with OpenCV."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from extractors.errors import ExtractorError
from extractors.readers.file_names import IMAGE_SUFFIXES
from extractors.readers.progress import Progress, unobserved

_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)
_FEW = 3  # images beside a series may be covers and thumbnails
_MOST_MISSING = 10  # times as many as there are: dates and times of day are no frame numbers
# The last bytes of a complete file, by its first ones.  OpenCV fills what is missing with grey.
_END_MARKS = {b"\xff\xd8": (b"\xff\xda", b"\xff\xd9"), b"\x89P": (b"IDAT", b"IEND")}


@dataclass(frozen=True, eq=False)
class FrameSeries:
    """Images in order. ``steps`` int64 [F]: when each appears, in frames from the first; a number
    that is missing leaves its picture standing. ``remarks``: what a person should know."""

    images: list[Path]
    steps: np.ndarray
    remarks: tuple[str, ...] = ()


def list_frames(folder: Path) -> FrameSeries:
    """The one series of images in a folder, by their numbers ("2.jpg" before "10.jpg").

    ExtractorError where there is none, where there are two, or where a number comes twice.
    """
    shown = (path for path in folder.iterdir() if path.name[0] != ".")
    images = [path for path in shown if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise ExtractorError(f"{folder}: holds no frames (looked for {', '.join(IMAGE_SUFFIXES)})")
    by_name: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in images:
        by_name[_around_number(path)].append(path)
    series = max(by_name.values(), key=len)
    others = sorted(path.name for path in images if path not in set(series))
    if len(series) == 1:  # no numbers: in the order of their names
        images.sort(key=_natural)
        return FrameSeries(images, np.arange(len(images)))
    if len(others) > _FEW and 10 * len(others) > len(series):
        raise ExtractorError(
            f"{folder}: several series of images ({series[0].name} ..., {others[0]} ...): "
            "one routine is one folder"
        )
    series.sort(key=_number)
    numbers = np.array([_number(path) for path in series])
    (twice,) = np.nonzero(np.diff(numbers) == 0)
    if len(twice):
        first, second = (series[twice[0] + offset].name for offset in (0, 1))
        raise ExtractorError(
            f"{folder}: number {numbers[twice[0]]} comes twice ({first} and {second}"
            f"{', ...' if len(twice) > 1 else ''}): keep one of them"
        )
    steps = numbers - numbers[0]
    steps //= max(1, int(np.gcd.reduce(steps)))
    remarks = [*_gap(folder, steps, numbers)]
    if others:
        remarks.append(f"left out, not of the series: {', '.join(others[:3])}")
    return FrameSeries(series, steps, (*remarks, *_sizes(series)))


def _gap(folder: Path, steps: np.ndarray, numbers: np.ndarray) -> Iterator[str]:
    missing = int(steps[-1]) + 1 - len(steps)
    if not missing:
        return
    if missing > _MOST_MISSING * len(steps):
        raise ExtractorError(
            f"{folder}: images numbered {numbers[0]} to {numbers[-1]}, but only {len(numbers)} of "
            "them: they are no series of frames"
        )
    (at,) = np.nonzero(np.diff(steps) > 1)
    before, after = numbers[at[0]], numbers[at[0] + 1]
    are = "image is" if missing == 1 else "images are"
    yield (
        f"{missing} {are} missing, the first between numbers {before} and {after}: "
        "the picture stands still there"
    )


def _sizes(series: Sequence[Path]) -> Iterator[str]:
    """Of the first, the middle and the last image: all are read later."""
    some = [series[0], series[len(series) // 2], series[-1]]
    sizes = dict.fromkeys(read_image(path).shape[1::-1] for path in some)
    if len(sizes) > 1:
        yield "its images differ in size: " + ", ".join(f"{w} x {h}" for w, h in sizes)


def _around_number(path: Path) -> tuple[str, str]:
    """The name before and after its last number, in lower case."""
    match = _LAST_NUMBER.fullmatch(path.stem)
    return (match[1].lower(), match[3].lower()) if match else (path.stem.lower(), "\0")


def _number(path: Path) -> int:
    return int(_LAST_NUMBER.fullmatch(path.stem)[2])


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
