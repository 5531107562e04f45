"""When each frame of a video appears: from its time stamps where they are sound, else from a rate.

A file that was joined or recorded over a reconnect may carry a clock that jumps. A player goes on
with the next frame; so does this clock, and it tells where.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

from extractors.errors import ExtractorError

TimeSource = Literal["stamps", "codec", "header"]
# Where clocks are known to restart FFmpeg's own programs cut a gap of ten seconds.
_RESTARTING = {"mpegts", "mpeg", "flv"}
_JUMP_S = {True: 10.0, False: 600.0}
# A picture that changes less often than this on the whole is no video that anybody plays.
_SLOWEST_S = 10.0
# Where more of the steps than this go backwards the stamps are no clock at all.
_BACKWARDS = 0.02
_DEFAULT_RATE = Fraction(25)
_RATES = (Fraction(1, 100), Fraction(1000))


@dataclass(frozen=True)
class Jump:
    """The clock jumps ``by_s`` (backwards: negative) before the frame that appears at ``at_s``."""

    at_s: float
    by_s: float


@dataclass(frozen=True, eq=False)
class Clock:
    """``times_s`` float64 [F], from 0, strictly increasing; the last frame stays ``last_s``.

    source  what the times are from: the stamps of the container, the codec's own rate, the header.
    """

    times_s: np.ndarray
    last_s: float
    source: TimeSource
    jumps: tuple[Jump, ...] = ()

    @property
    def duration_s(self) -> float:
        return float(self.times_s[-1] + self.last_s)


@dataclass(frozen=True)
class Rate:
    """Frames per second, and who says so."""

    value: Fraction
    source: TimeSource

    @property
    def step_s(self) -> float:
        return float(1 / self.value)


def best_rate(codec: Fraction | None, header: Fraction | None, guessed: Fraction | None) -> Rate:
    """The codec's own rate where it has a sound one, else the header's, else FFmpeg's guess."""
    low, high = _RATES
    for value, source in ((codec, "codec"), (header, "header"), (guessed, "header")):
        if value and low <= value <= high:
            return Rate(value, source)
    return Rate(_DEFAULT_RATE, "header")


@dataclass(frozen=True, eq=False)
class Stamps:
    """What a container says about time.

    ticks      int64 [F], in the order shown.
    unit_s     seconds of a tick.
    last       ticks that the last frame stays; 0: not known.
    stays      ticks that each frame stays by its own packet, int64 [F]; 0: not known.
    sound_s    float64 [S], sorted: when the packets of other streams begin.
    format     FFmpeg's name of it.
    """

    ticks: np.ndarray
    unit_s: Fraction
    stays: np.ndarray
    sound_s: np.ndarray = field(repr=False)
    format: str


def steady(frames: int, rate: Rate) -> Clock:
    """Where there are no time stamps."""
    return Clock(np.arange(frames) / float(rate.value), rate.step_s, rate.source)


def from_stamps(stamps: Stamps, rate: Rate) -> Clock:
    """Times as the stamps tell, cut where the clock jumps; the rate's where they are no clock.

    ExtractorError, without the file's name, for times that nobody plays.
    """
    steps = np.diff(stamps.ticks)
    if np.count_nonzero(steps <= 0) > max(1.0, _BACKWARDS * len(steps)):
        return steady(len(stamps.ticks), rate)
    forward = steps[steps > 0]
    usual = int(np.median(forward)) if len(forward) else round(rate.step_s / stamps.unit_s)
    breaks = np.flatnonzero((steps <= 0) | _gaps(stamps, steps))
    by = steps[breaks] - usual
    steps[breaks] = usual
    unit_s = float(stamps.unit_s)
    times_s = np.concatenate([[0], np.cumsum(steps)]) * unit_s
    last_s = float(stamps.stays[-1] * stamps.unit_s) or usual * unit_s
    clock = Clock(
        times_s,
        last_s,
        "stamps",
        tuple(
            Jump(float(times_s[at + 1]), float(ticks * stamps.unit_s))
            for at, ticks in zip(breaks, by, strict=True)
        ),
    )
    if clock.duration_s > _SLOWEST_S * len(times_s):
        raise ExtractorError(
            f"its time stamps spread {len(times_s)} frames over {spoken(clock.duration_s)}, which "
            "no player shows as a video; its clock is wrong: write it anew with the right rate"
        )
    return clock


def _gaps(stamps: Stamps, steps: np.ndarray) -> np.ndarray:
    """bool [F - 1]: steps over which a clock jumped. A picture that only stood still is none: its
    packet says how long it stays, or sound goes on meanwhile."""
    limit_s = _JUMP_S[stamps.format in _RESTARTING]
    jumped = steps * float(stamps.unit_s) > limit_s
    for at in np.flatnonzero(jumped):
        begin_s, end_s = stamps.ticks[at : at + 2] * float(stamps.unit_s)
        inner = (end_s - begin_s) / 4
        first, stop = np.searchsorted(stamps.sound_s, [begin_s + inner, end_s - inner])
        jumped[at] = 2 * stamps.stays[at] < steps[at] and first == stop
    return jumped


def spoken(seconds: float) -> str:
    """``4.00 s``, and for what is longer ``2:03`` or ``10:00:00``."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
