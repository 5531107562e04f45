"""Where a video is damaged: spans of time in which no frame counts, though some may be shown.

A broken packet spoils what is decoded after it up to the next key frame, among it frames that are
shown before it; from that key frame on all is good again. Decoders hide some damage without a word
(docs/readers.md): what they do not tell is not found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import takewhile

import numpy as np

from extractors.errors import Hole
from extractors.readers.clock import Clock
from extractors.readers.packets import Packets

_REORDERED = 17  # frames: more than any codec stores out of order


class BrokenFrameError(Exception):
    """A frame cannot be had; the text says why.

    packet  number of the packet, among those shown, that cannot be decoded; None: not known.
    tick    time stamp of a frame that is broken; None: not known.
    frames  how many came before.
    """

    def __init__(
        self, reason: str, frames: int, *, packet: int | None = None, tick: int | None = None
    ) -> None:
        super().__init__(reason)
        self.frames, self.packet, self.tick = frames, packet, tick


@dataclass(frozen=True)
class Damage:
    """``holes`` in order of time, apart from each other; the last may have no end."""

    reason: str
    holes: tuple[Hole, ...]


Stamps = list[int | None]


def among(came: Stamps, stamps: Stamps) -> tuple[Stamps, np.ndarray]:
    """``stamps`` of the frames that packets tell of, and their places int64 [F] in ``came``, what
    decoding gave; -1 for those that did not come."""
    place = {tick: number for number, tick in enumerate(came)}
    return stamps, np.array([place.get(tick, -1) for tick in stamps], np.int64)


def in_order(came: Stamps) -> tuple[Stamps, np.ndarray]:
    """``came`` without what a decoder gave late, behind a broken frame: a single frame older than
    the one before it, where the next one goes on. And their places int64 [F] in ``came``."""
    if None in came:
        return came, np.arange(len(came))
    ticks = np.array(came, np.int64)
    late = np.zeros(len(ticks), bool)
    late[1:-1] = (ticks[1:-1] < ticks[:-2]) & (ticks[2:] > ticks[:-2])
    (places,) = np.nonzero(~late)
    return ticks[places].tolist(), places


@dataclass(frozen=True, eq=False)
class Decoded:
    """``stamps`` of the frames that are shown, ``clock`` their times; ``unit_s`` of a tick."""

    packets: Packets
    stamps: Sequence[int | None]
    clock: Clock
    unit_s: Fraction

    def damage(self, broken: Sequence[BrokenFrameError], missing: str | None) -> Damage | None:
        """What ``broken`` and a ``missing`` end leave out; None where both are nothing."""
        events = [self._after_packet(number, why) for number, why in self.packets.broken]
        events += [self._after(error) for error in broken]
        if missing:
            events.append((missing, (self._last_of_all_s(), math.inf)))
        if not events:
            return None
        events.sort(key=lambda event: event[1])
        reasons = dict.fromkeys([missing] if missing else [reason for reason, _ in events])
        return Damage("; ".join(list(reasons)[:2]), self._merged([hole for _, hole in events]))

    def _after(self, error: BrokenFrameError) -> tuple[str, Hole]:
        number = error.packet
        if number is None and error.tick is not None:
            stamps = [packet.pts for packet in self.packets.shown]
            number = stamps.index(error.tick) if error.tick in stamps else None
        if number is None or self.packets.unstamped:
            times_s = self.clock.times_s
            known = error.frames < len(times_s)
            return str(error), (float(times_s[error.frames]) if known else math.inf, math.inf)
        return self._after_packet(number, str(error))

    def _after_packet(self, number: int, reason: str) -> tuple[str, Hole]:
        """From the first frame that may rest on packet ``number`` to the next key frame."""
        shown = self.packets.shown
        number = min(number, len(shown) - 1)
        spoiled = range(number, number + 1 + sum(1 for _ in self._up_to_key(number + 1)))
        following = spoiled.stop
        first = min(spoiled, key=lambda each: (shown[each].pts is None, shown[each].pts or 0))
        end_s = self._appears(following) if following < len(shown) else math.inf
        return reason, (max(0.0, self._appears(first)), end_s)

    def _up_to_key(self, number: int) -> takewhile:
        return takewhile(lambda packet: not packet.key, self.packets.shown[number:])

    def _appears(self, number: int) -> float:
        """When the frame of this packet appears, or would."""
        shown, index_of = self.packets.shown, self._index_of
        for before in range(number, -1, -1):
            index = index_of.get(shown[before].pts)
            if index is not None:
                ticks = (shown[number].pts or 0) - (shown[before].pts or 0)
                return float(self.clock.times_s[index]) + float(ticks * self.unit_s)
        return 0.0

    def _last_of_all_s(self) -> float:
        """Up to when no frame is missing: the last ones that are there may have been stored before
        others that are shown earlier."""
        times_s = self.clock.times_s[-_REORDERED:]
        steps_s = np.diff(times_s)
        (gaps,) = np.nonzero(steps_s > 1.5 * np.median(steps_s)) if len(steps_s) else ([],)
        if not len(gaps):
            return self.clock.duration_s
        return float(times_s[gaps[0]] + np.median(steps_s))

    @cached_property
    def _index_of(self) -> dict[int | None, int]:
        return {tick: index for index, tick in enumerate(self.stamps) if tick is not None}

    def _merged(self, holes: Sequence[Hole]) -> tuple[Hole, ...]:
        merged: list[Hole] = []
        for start_s, end_s in holes:
            if end_s > float(self.clock.times_s[-1]):
                end_s = math.inf  # no frame comes after it
            if merged and start_s <= merged[-1][1]:
                start_s, end_s = merged[-1][0], max(merged.pop()[1], end_s)
            merged.append((start_s, end_s))
        return tuple(merged)
