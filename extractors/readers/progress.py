"""How reading tells that it gets on, and how long it may get nowhere before it is ended."""

from __future__ import annotations

from collections.abc import Callable

STALL_LIMIT_S = 60.0
Progress = Callable[[], None]  # called for every packet, frame or image: reading gets on


def unobserved() -> None:
    """The Progress of a caller who does not watch."""
