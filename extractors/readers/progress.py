"""How reading tells that it gets on and what it meets, and how long it may get nowhere."""

from __future__ import annotations

from collections.abc import Callable

STALL_LIMIT_S = 60.0
Progress = Callable[[], None]  # called for every packet, frame or image: reading gets on
Remark = Callable[[str], None]  # called with what a person should know of the footage, in a line


def unobserved() -> None:
    """The Progress of a caller who does not watch."""


def unremarked(line: str) -> None:
    """The Remark of a caller who does not listen."""
