"""What a running extraction shows: how far it is, how fast, and which stage is the limit."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.extraction.stages import Batch
from pipeline.workspace import clock, counted, two_digits

WINDOW_S = 60.0
# A stage that is busy for less of the time than this was not what the run waited for.
BUSY = 0.8


@dataclass(frozen=True)
class Width:
    """How many parts of videos are read at once, and how many backbone workers there are."""

    decoders: int
    workers: int


class Meter:
    """Counts what the batches of all runs tell. ``now`` gives seconds."""

    def __init__(
        self, videos: int, complete_before: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.videos, self.complete_before = videos, complete_before
        self.waits_for = "starting ..."  # shown until the first batch has come
        self.done = self.failed = self.clips = 0
        self.nodes: tuple[set[str], set[str]] = set(), set()  # that decoded, that computed
        self._now = now
        self._began = now()
        self._timed_clips = 0  # without those of each run's first batch, which starts the clock
        self._wall_s = self._decode_s = self._backbone_s = 0.0
        self._slots = (1, 1)
        self._run_began: float | None = None
        self._recent: deque[tuple[float, int, float, float]] = deque()
        self._open: dict[str, tuple[int, int]] = {}  # clips had, clips in all
        self._totals: list[int] = []

    def run_starts(self, width: Width, parts: int) -> None:
        """A run begins on the videos that are left, of so many parts: no more are read at once."""
        self._slots = min(width.decoders, parts), width.workers
        self._run_began = None
        self.nodes = set(), set()  # a Ray that starts again names its nodes anew
        self._open.clear()

    def add(self, batch: Batch) -> None:
        """One batch of features; the clock of the stages runs from the first one on."""
        now = self._now()
        if self._run_began is None:
            self._run_began = now
            self._recent.clear()
        else:
            self._timed_clips += batch.valid
            self._wall_s += now - self._last
            self._decode_s += batch.decode_s
            self._backbone_s += batch.backbone_s
        self._last = now
        self.clips += batch.valid
        self._recent.append((now, batch.valid, batch.decode_s, batch.backbone_s))
        while self._recent[0][0] < now - WINDOW_S:
            self._recent.popleft()
        for nodes, node in zip(self.nodes, (batch.decoded_on, batch.computed_on), strict=True):
            nodes.add(node)
        if not batch.error:
            if batch.video not in self._open:
                self._totals.append(batch.total)
            had = self._open.get(batch.video, (0, 0))[0]
            self._open[batch.video] = had + batch.valid, batch.total

    def ended(self, video: str, failed: bool) -> None:
        self._open.pop(video, None)
        self.failed += failed
        self.done += not failed

    @property
    def clips_per_s(self) -> float:
        """Over the last minute."""
        return self._recently(1)

    @property
    def busy(self) -> tuple[float, float]:
        """Shares of the last minute in which decoders and backbone workers were at work."""
        decoders, workers = self._slots
        return self._recently(2) / decoders, self._recently(3) / workers

    @property
    def clips_ahead(self) -> int:
        """Of the videos that have begun."""
        # A copy: the view is drawn by a thread of its own. What is salvaged is read twice.
        return sum(max(0, total - had) for had, total in list(self._open.values()))

    @property
    def left_s(self) -> float | None:
        """Seconds to go, from the clips that are left; None while nothing is known."""
        rate = self.clips_per_s
        if not rate or not self._totals:
            return None
        ahead = self.videos - self.done - self.failed - len(self._open)
        mean = sum(self._totals) / len(self._totals)
        return (self.clips_ahead + ahead * mean) / rate

    def line(self) -> str:
        """All of it as one plain line."""
        counts = f"{self.done} done, {self.failed} failed, {self.complete_before} complete before"
        return f"extract: {self._share()} ({counts}), {self._speed()}"

    def picture(self) -> RenderableType:
        """The same in three rows that fit a terminal of 80 columns."""
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            "extract",
            ProgressBar(max(self.videos, 1), self.done + self.failed, width=30),
            f"{self._share()}, {clock(self._now() - self._began)}",
        )
        counts = f"{self.done} done, {self.failed} failed, {self.complete_before} complete before"
        return Group(bar, Text(counts), Text(self._speed()))

    def summary(self) -> str:
        """Rate of the whole, and what it waited for."""
        if not self._wall_s:
            return f"{counted(self.clips, 'clip')} in {clock(self._now() - self._began)}"
        decoders, workers = self._slots
        wall_s = self._at_least(self._wall_s, self._decode_s, self._backbone_s)
        decode, backbone = (
            self._decode_s / (wall_s * decoders),
            self._backbone_s / (wall_s * workers),
        )
        if min(decode, backbone) >= BUSY:
            limit = "both stages were the limit"
        elif max(decode, backbone) < BUSY:
            limit = "neither stage was the limit, starting and handing over were"
        else:
            limit = f"the {'decoding' if decode > backbone else 'backbone'} was the limit"
        where = " and ".join(
            f"{counted(count, what)} {share:.0%} busy"
            for count, what, share in ((decoders, "reader", decode), (workers, "worker", backbone))
        )
        nodes = len(self.nodes[0] | self.nodes[1])
        on = f" on {counted(nodes, 'node')}" if nodes > 1 else ""
        return (
            f"{counted(self.clips, 'clip')} in {clock(self._now() - self._began)}{on}, "
            f"{two_digits(self._timed_clips / wall_s)} clips/s once started; {limit} ({where})"
        )

    def _share(self) -> str:
        return f"{self.done + self.failed} of {counted(self.videos, 'video')}"

    def _speed(self) -> str:
        if self._run_began is None:
            return self.waits_for
        if len(self._recent) < 2:
            return counted(self.clips, "clip")
        decode, backbone = self.busy
        left = "" if self.left_s is None else f", {clock(self.left_s)} left"
        return (
            f"{counted(self.clips, 'clip')}, {two_digits(self.clips_per_s)} clips/s, decoding "
            f"{decode:.0%} busy, backbone {backbone:.0%} busy{left}"
        )

    def _recently(self, column: int) -> float:
        """Sum of a column per second of the window; the first batch only sets its start."""
        if len(self._recent) < 2:
            return 0.0
        first, *others = self._recent
        _, clips, decode_s, backbone_s = (sum(values) for values in zip(*others, strict=True))
        window_s = self._at_least(others[-1][0] - first[0], decode_s, backbone_s)
        return (clips, decode_s, backbone_s)[column - 1] / window_s

    def _at_least(self, wall_s: float, decode_s: float, backbone_s: float) -> float:
        """Seconds in which so much was done: batches that come at once were not made at once."""
        decoders, workers = self._slots
        return max(wall_s, decode_s / decoders, backbone_s / workers, 1e-9)
