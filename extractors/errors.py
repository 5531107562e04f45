"""What users of the package see when an input is at fault."""

from __future__ import annotations


class ExtractorError(Exception):
    """A mistake in an input.  Its text is one line: the file, what is wrong, what to do."""


class DamagedVideoError(ExtractorError):
    """A video that cannot be read to its end.

    ``good_s`` is the time (seconds from the first frame) up to which it can:
    ``open_clips(path, protocol, end_s=error.good_s)`` reads that part.
    """

    def __init__(self, path: str, reason: str, good_s: float):
        super().__init__(f"{path}: damaged: {reason}; the first {good_s:.2f} s are good")
        self.path, self.reason, self.good_s = path, reason, good_s

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.reason, self.good_s)


class UnforeseenError(Exception):
    """What a library raised in a process of ours, as text: no input is known to be at fault."""
