"""What a person sees: notes, tables, progress. Results go to standard output."""

from __future__ import annotations

import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from pipeline.errors import Failure

PLAIN_INTERVAL_S = 5.0
MOST_FAILURES = 20  # on a terminal, each in a row of its own


def _kind_of(failure: Failure) -> str:
    """Its reason without what is of this input alone: names and numbers."""
    text = failure.reason
    for own in sorted({failure.path, failure.name} - {""}, key=len, reverse=True):
        text = text.replace(own, "")
    return re.sub(r"[0-9]+([.:][0-9]+)*", "0", text)


class Console:
    """Notes to the user. ``quiet`` drops notes and progress; errors and results always show."""

    def __init__(self, quiet: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.json = json
        # What is shown are names and reasons: a bracket or a colon in them is nothing but that.
        plain = {"soft_wrap": True, "highlight": False, "markup": False, "emoji": False}
        self._out = RichConsole(**plain)
        self._err = RichConsole(stderr=True, **plain)

    def note(self, text: str) -> None:
        """One line of information; on standard error when standard output is for JSON."""
        if not self.quiet:
            (self._err if self.json else self._out).print(text)

    def error(self, text: str) -> None:
        self._err.print(f"error: {text}")

    def warn(self, text: str) -> None:
        self._err.print(f"warning: {text}")

    def result(self, text: str) -> None:
        """A line that the command was run for: shown under ``--quiet`` too."""
        self._out.print(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on standard output; a column of numbers, and empty cells, is right-aligned."""
        table = Table(
            title=title, title_justify="left", title_style="bold", show_header=any(columns)
        )
        for index, column in enumerate(columns):
            cells = [row[index] for row in rows if row[index]]
            numeric = bool(cells) and all(map(_is_number, cells))
            table.add_column(
                column, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold"
            )
        for row in rows:
            table.add_row(*row)
        self._out.print(table, soft_wrap=False)

    @contextmanager
    def live(
        self, line: Callable[[], str], picture: Callable[[], RenderableType]
    ) -> Iterator[Callable[[], None]]:
        """A view that stays current: ``picture`` on a terminal; elsewhere ``line`` every few
        seconds, when the function that is yielded is called, and once at the end."""
        if self.quiet:
            yield lambda: None
        elif self._err.is_terminal:
            with Live(get_renderable=picture, console=self._err, transient=True):
                yield lambda: None
        else:
            shown_at = time.monotonic()

            def show() -> None:
                nonlocal shown_at
                if time.monotonic() - shown_at >= PLAIN_INTERVAL_S:
                    shown_at = time.monotonic()
                    print(line(), file=sys.stderr, flush=True)

            yield show
            print(line(), file=sys.stderr, flush=True)

    def failures(self, failures: Sequence[Failure], log: str = "") -> None:
        """What failed and why, on standard error: a table for people, of many the reasons with how
        often and where all of them stand (``log``); a line each for programs."""
        if not failures:
            return
        if not self._err.is_terminal:
            for failure in failures:
                self.error(failure.reason)
            return
        if len(failures) > MOST_FAILURES:
            self._grouped(failures, log)
            return
        table = Table(title="failed", title_justify="left", title_style="bold red")
        table.add_column("input", overflow="fold", ratio=1)
        table.add_column("reason", overflow="fold", ratio=3)
        for failure in failures:
            table.add_row(failure.name, failure.reason)
        self._err.print(table, soft_wrap=False)

    def _grouped(self, failures: Sequence[Failure], log: str) -> None:
        groups: dict[str, list[Failure]] = defaultdict(list)
        for failure in failures:
            groups[_kind_of(failure)].append(failure)
        table = Table(title=f"{len(failures)} failed", title_justify="left", title_style="bold red")
        table.add_column("how many", justify="right", no_wrap=True)
        table.add_column("the first", overflow="fold", ratio=1)
        table.add_column("its reason", overflow="fold", ratio=3)
        for group in sorted(groups.values(), key=len, reverse=True):
            table.add_row(str(len(group)), group[0].name, group[0].reason)
        self._err.print(table, soft_wrap=False)
        if log:
            self.note(f"all of them: {log}")

    @contextmanager
    def progress(self, what: str, total: int, unit: str) -> Iterator[Ticker]:
        """Progress over ``total`` times ``unit``: a bar on a terminal, plain lines otherwise."""
        if self.quiet:
            yield Ticker(total, unit)
        elif self._err.is_terminal:
            with Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(
                    "{task.fields[unit]} ({task.fields[rate]}) {task.fields[status]}", markup=False
                ),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._err,
                transient=True,
            ) as bar:
                row = bar.add_task(what, total=total, status="", rate="-", unit="")
                yield BarTicker(total, unit, bar, row)
        else:
            ticker = LineTicker(total, unit, what)
            yield ticker
            ticker.finish()


class Ticker:
    """Counts done units; shows nothing. ``unit`` is one of them: ``video``."""

    def __init__(self, total: int, unit: str) -> None:
        self.total = total
        self.unit = unit
        self.done = 0
        self.status = ""

    def advance(self, status: str = "", by: int = 1) -> None:
        self.done += by
        self.status = status or self.status
        self._show()

    def update(self, status: str) -> None:
        """New words beside the bar, with no unit finished."""
        self.status = status
        self._show()

    @property
    def units(self) -> str:
        """``video`` or ``videos``, after the total."""
        return self.unit if self.total == 1 else f"{self.unit}s"

    def _show(self) -> None:
        pass


class BarTicker(Ticker):
    def __init__(self, total: int, unit: str, bar: Progress, task: int) -> None:
        super().__init__(total, unit)
        self._bar, self._task = bar, task
        self._start = time.monotonic()

    def _show(self) -> None:
        rate = self.done / max(time.monotonic() - self._start, 1e-9)
        self._bar.update(
            self._task,
            total=self.total,
            completed=self.done,
            status=self.status,
            unit=self.units,
            rate=f"{two_digits(rate)}/s",
        )


class LineTicker(Ticker):
    """One plain line every few seconds: count, rate and time left."""

    def __init__(self, total: int, unit: str, what: str) -> None:
        super().__init__(total, unit)
        self._what = what
        self._start = self._last = time.monotonic()
        self._shown = -1

    def _show(self) -> None:
        if time.monotonic() - self._last >= PLAIN_INTERVAL_S:
            self._print()

    def finish(self) -> None:
        """The last line, unless it was just shown."""
        if self.done != self._shown:
            self._print()

    def _print(self) -> None:
        now = time.monotonic()
        self._last, self._shown = now, self.done
        rate = self.done / max(now - self._start, 1e-9)
        left = (
            f", {clock((self.total - self.done) / rate)} left" if 0 < self.done < self.total else ""
        )
        status = f", {self.status}" if self.status else ""
        line = f"{self._what}: {self.done}/{self.total} {self.units} in {clock(now - self._start)}"
        print(f"{line} ({two_digits(rate)}/s){left}{status}", file=sys.stderr, flush=True)


def counted(number: int, noun: str) -> str:
    """``1 video``, ``2 videos``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(text: str) -> str:
    """A name for people and pages: what in it is not UTF-8 as an escape, ``caf\\udce9.mp4``."""
    return text.encode("utf-8", "backslashreplace").decode()


def two_digits(number: float) -> str:
    """A rate for people: ``0.086``, ``4.7``, ``17``, ``473``; never with an exponent."""
    return f"{number:.2g}" if number < 99.5 else f"{number:.0f}"


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Seconds for people: ``0:07``, ``3:25``, ``1:02:03``; with tenths ``0:07.3``."""
    rounded = round(seconds, 1) if tenths else round(seconds)
    minutes, second = divmod(rounded, 60)
    hours, minute = divmod(int(minutes), 60)
    last = f"{second:04.1f}" if tenths else f"{second:02d}"
    return f"{hours}:{minute:02d}:{last}" if hours else f"{minute}:{last}"


def _is_number(cell: str) -> bool:
    return cell.split()[0].replace(".", "").lstrip("-+").isdigit()
