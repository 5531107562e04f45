"""Keeps an extraction going until every video has ended, whatever dies on the way.

Ray itself replaces workers, actors and nodes. What it cannot mend (its own head on this machine,
a run that stands still) ends the run of the graph; a new one does the videos that are left.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from pipeline.console import Console, counted
from pipeline.errors import UsageError, one_line
from pipeline.extract_view import Meter
from pipeline.graph import choose_width, feature_rows, stop_runs
from pipeline.inputs import Video
from pipeline.ray_session import RayOptions, session
from pipeline.stages import Assembly, ExtractionSpec, Finished, Row

# Runs of the graph, one after the other, in which no video ended.
FRUITLESS_RUNS = 3
# A cluster's head may be on its way back.
WAIT_S = (5.0, 30.0, 60.0)
_INBOX_ROWS = 64
_STOP_S = 10.0


class StandstillError(Exception):
    """The graph has given no row for too long."""


def finished_videos(
    todo: Sequence[Video],
    spec: ExtractionSpec,
    options: RayOptions,
    console: Console,
    meter: Meter,
    show: Callable[[], None],
) -> Iterator[Finished]:
    """Every video of ``todo`` once, as Finished, in the order in which they end. ``show`` is called
    whenever the meter has moved.

    Raises UsageError where Ray cannot be started or joined at all, or a node has no backbone.
    """
    left = {video.id: video for video in todo}
    fruitless = 0
    while left:
        before, reason = len(left), "Ray gave no more of them"
        try:
            for finished in _one_run(list(left.values()), spec, options, meter, show):
                del left[finished.id]
                yield finished
        except UsageError as error:
            if before == len(todo) and not fruitless:
                raise
            reason = str(error)
        except _breaks() as error:
            unavailable = re.search(r"BackboneUnavailableError: (.*)", str(error))
            if unavailable:
                raise UsageError(unavailable[1]) from None
            reason = one_line(error)[:300]
        if not left:
            return
        fruitless = 0 if len(left) < before else fruitless + 1
        if fruitless == FRUITLESS_RUNS:
            for name in left:
                yield Finished(name, None, {}, f"the run broke off {fruitless} times: {reason}")
            return
        console.warn(f"the run broke off ({reason}): again for {counted(len(left), 'video')}")
        time.sleep(WAIT_S[fruitless])


def _breaks() -> tuple[type[Exception], ...]:
    """What ends a run of the graph, and not the extraction."""
    # Not imported before Ray's session: it reads its environment at import.
    from ray.exceptions import RayError

    return RayError, StandstillError, ConnectionError


def _one_run(
    videos: Sequence[Video],
    spec: ExtractionSpec,
    options: RayOptions,
    meter: Meter,
    show: Callable[[], None],
) -> Iterator[Finished]:
    assembly = Assembly()
    with session(options) as ray:
        width = choose_width(ray, spec.device, options)
        meter.run_starts(width, len(videos))
        rows = feature_rows(ray, videos, spec, options, width)
        for row in watched(rows, options.standstill_s, stop=stop_runs):
            meter.add(row)
            show()
            finished = assembly.add(row)
            if finished is not None:
                yield finished


def watched(rows: Iterator[Row], limit_s: float, stop: Callable[[], None]) -> Iterator[Row]:
    """The same rows; StandstillError when the next one takes longer than ``limit_s``.

    They are fetched by a thread, because a wait inside Ray cannot be ended from outside. ``stop``
    ends what gives them; it is called when they are no longer wanted, and may hang like the rest.
    """
    inbox: queue.Queue[tuple[str, Any]] = queue.Queue(_INBOX_ROWS)
    left_alone = threading.Event()

    def put(kind: str, value: object) -> None:
        while not left_alone.is_set():
            with suppress(queue.Full):
                inbox.put((kind, value), timeout=1.0)
                return

    def fetch() -> None:
        try:
            for row in rows:
                put("row", row)
                if left_alone.is_set():
                    return
            put("end", None)
        except BaseException as error:  # raised again where the rows are used
            put("error", error)

    fetching = threading.Thread(target=fetch, name="rows of the graph", daemon=True)
    fetching.start()
    try:
        while True:
            try:
                kind, value = inbox.get(timeout=limit_s)
            except queue.Empty:
                raise StandstillError(f"nothing came for {limit_s:g} s") from None
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        left_alone.set()
        stopping = threading.Thread(target=stop, daemon=True)
        stopping.start()
        for thread in (stopping, fetching):
            thread.join(_STOP_S)
