"""The two kinds of failure: wrong usage (exit status 2) and an input that failed (1)."""

from __future__ import annotations

from dataclasses import dataclass


class UsageError(Exception):
    """Wrong usage or configuration, found before any work; ``str()`` is the one line to print."""


@dataclass(frozen=True)
class Failure:
    """One input that could not be done: what it is and why, in one line each; where it lies, and
    what was tried to read it, where that is known."""

    name: str
    reason: str
    path: str = ""
    tried: tuple[str, ...] = ()


def one_line(error: BaseException) -> str:
    """The error as one line; its type is named where the message alone says too little."""
    text = " ".join(str(error).split())
    if type(error).__module__.split(".")[0] in ("aqa", "extractors", "pipeline"):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
