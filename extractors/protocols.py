"""Which frames of a video make its clips, and what is done to each frame: every protocol's numbers.

Pure arithmetic: nothing here opens a file.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from extractors.errors import ExtractorError

# A frame that comes this much too late still counts as on time: Matroska rounds to milliseconds.
TIME_TOLERANCE_S = 1e-3
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Protocol:
    """One way to turn a video into clips.

    sampling     "contiguous": consecutive frames, the remainder dropped from both ends;
                 "uniform": ``clips * clip_frames`` frames spread over the whole video.
    clip_frames  frames of one clip (T).
    clips        number of clips, for "uniform" only.
    fps          rate to which "contiguous" resamples by time, or "native" (all frames).
    short_side   the frame's short side is resized to this first (None: not).
    crop         (height, width) then cut from the centre, padded with black (None: not).
    size         (height, width) of the result.
    aspect       "shown": pixels that are not square count as wide as a player shows them;
                 "stored": as if they were square.
    deinterlace  "no": combs stay; "bwdif": FFmpeg's filter of that name makes one frame of each
                 interlaced one.
    mean, std    per channel (RGB), of values in 0..1.
    """

    name: str
    sampling: Literal["contiguous", "uniform"]
    clip_frames: int
    clips: int | None = None
    fps: float | Literal["native"] = "native"
    short_side: int | None = None
    crop: tuple[int, int] | None = None
    size: tuple[int, int] = (224, 224)
    aspect: Literal["shown", "stored"] = "shown"
    deinterlace: Literal["no", "bwdif"] = "no"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        for field in fields(self)[2:]:
            if not _valid(field.name, getattr(self, field.name)):
                value = getattr(self, field.name)
                raise ExtractorError(f"protocol {self.name}: {field.name} cannot be {value!r}")
        if (self.clips is None) != (self.sampling == "contiguous"):
            raise ExtractorError(f"protocol {self.name}: 'clips' belongs to uniform sampling only")

    @property
    def identity(self) -> str:
        """Canonical text that ``get_protocol`` reads back, such as ``contiguous32(fps=native)``."""
        base = _REGISTERED[self.name]
        changed = [f.name for f in fields(self) if getattr(self, f.name) != getattr(base, f.name)]
        values = ",".join(f"{name}={_to_text(getattr(self, name))}" for name in sorted(changed))
        return f"{self.name}({values})" if changed else self.name

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, 3) of one clip."""
        return (self.clip_frames, *self.size, 3)

    def frame_indices(self, times_s: np.ndarray, duration_s: float) -> np.ndarray:
        """The source frame of every clip position, int64 [clips, clip_frames], never decreasing.

        times_s     float64 [F], increasing: when each frame appears.
        duration_s  from the first frame's appearance to the last one's disappearance.

        Contiguous, 2 frames a clip, 25 fps, on 8 frames at 30 fps (0.267 s).  The grid has
        points at 0, 40, ... 240 ms, each taking the last frame that has appeared:

            frame  0    1    2    3    4    5    6    7          (every 33.3 ms)
            grid   0     1     2      3     4     5     6        (every 40 ms)
            taken  0     1     2      3     4     6     7

        That is 7 positions: 3 clips and a remainder of 1, start (7 - 2*3) // 2 = 0, so
        [[0, 1], [2, 3], [4, 6]].

        Uniform, 3 clips of 2, on 10 frames: linspace(0, 9, 6) = 0, 1.8, 3.6, 5.4, 7.2, 9
        truncated: [[0, 1], [3, 5], [7, 9]].

        Raises ExtractorError for fewer frames than one clip.
        """
        if self.sampling == "uniform":
            return self._uniform(len(times_s))
        taken = np.arange(len(times_s)) if self.fps == "native" else self._grid(times_s, duration_s)
        clips = len(taken) // self.clip_frames
        if clips == 0:
            rate = "" if self.fps == "native" else f" at {self.fps:g} fps"
            raise ExtractorError(
                f"has {len(taken)} frames{rate} ({duration_s:.2g} s), "
                f"one clip of {self.name} needs {self.clip_frames}"
            )
        start = (len(taken) - self.clip_frames * clips) // 2
        used = taken[start : start + self.clip_frames * clips]
        return used.reshape(clips, self.clip_frames).astype(np.int64)

    def _grid(self, times_s: np.ndarray, duration_s: float) -> np.ndarray:
        """In whole microseconds: at 29.97 fps frame 30 appears at 1.001 s, exactly the tolerance
        after a point of the grid, where the last digit of a float must not decide."""
        tolerance_us = round(TIME_TOLERANCE_S * 1e6)
        left_us = round(duration_s * 1e6) - tolerance_us
        count = max(math.ceil(left_us * Fraction(self.fps) / 1_000_000), 0)
        grid_us = np.rint(np.arange(count) * 1e6 / self.fps).astype(np.int64)
        appears_us = np.rint((times_s - times_s[0]) * 1e6).astype(np.int64)
        return np.searchsorted(appears_us, grid_us + tolerance_us, side="right") - 1

    def _uniform(self, frames: int) -> np.ndarray:
        if frames < self.clip_frames:
            raise ExtractorError(f"has {frames} frames, {self.name} needs {self.clip_frames}")
        positions = np.linspace(0, frames - 1, self.clips * self.clip_frames)
        return positions.astype(np.int64).reshape(self.clips, self.clip_frames)


def get_protocol(name: str, **changes: Any) -> Protocol:
    """A protocol by name or identity text, with changes: ("contiguous32", fps="native").

    Raises ExtractorError, with what there is, for an unknown name or change.
    """
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", name.strip())
    base = _REGISTERED.get(match[1]) if match else None
    if base is None:
        raise ExtractorError(f"unknown protocol {name!r}: there are {', '.join(_REGISTERED)}")
    written = [part.partition("=") for part in (match[2] or "").split(",") if part]
    changes = {key.strip(): _from_text(value.strip()) for key, _, value in written} | changes
    for key in changes:
        if key not in _CHANGEABLE:
            raise ExtractorError(
                f"protocol {base.name} has no setting {key!r}: there are {', '.join(_CHANGEABLE)}"
            )
    return replace(base, **{key: _settled(value) for key, value in changes.items()})


def _valid(name: str, value: Any) -> bool:
    if name in ("crop", "size"):
        pair = isinstance(value, tuple) and len(value) == 2
        return (name == "crop" and value is None) or (pair and all(map(_whole, value)))
    if name in ("mean", "std"):
        return isinstance(value, tuple) and len(value) == 3 and all(map(_number, value))
    if name == "aspect":
        return value in ("shown", "stored")
    if name == "deinterlace":
        return value in ("no", "bwdif")
    if name == "fps":
        return value == "native" or (_number(value) and 0 < value < math.inf)
    return _whole(value) or (name in ("clips", "short_side") and value is None)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _settled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _to_text(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(_to_text, value))
    return "none" if value is None else str(value).removesuffix(".0")


def _from_text(text: str) -> Any:
    if text in ("native", "none"):
        return None if text == "none" else text
    if "x" in text:
        return tuple(map(_from_text, text.split("x")))
    try:
        return float(text) if re.search(r"[.e]", text) else int(text)
    except ValueError:
        return text


_REGISTERED = {
    protocol.name: protocol
    for protocol in (
        # Rhythmic Gymnastics and Fis-V, as published (swintx_avg_fps25_clip32).
        Protocol("contiguous32", "contiguous", 32, fps=25.0, short_side=256, crop=(224, 300)),
        # LOGO, as published.
        Protocol("uniform48x16", "uniform", 16, clips=48),
        # Small and quick, for tests, the demo and laptops.
        Protocol("mini16x112", "contiguous", 16, fps=25.0, size=(112, 112)),
    )
}
_CHANGEABLE = [f.name for f in fields(Protocol)[2:]]
