"""Lists that code outside this project may add to: data sets and kinds of models.

An installed package adds its own without being imported by anyone: it names modules in the entry
point group ``aqa_pipeline``, and these call ``register``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from typing import Generic, Protocol, TypeVar

from aqa.errors import AqaError

ENTRY_POINTS = "aqa_pipeline"


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Register(Generic[T]):
    """Things of one kind by name: the built-in ones, then what was added."""

    def __init__(self, what: str, built_in: Iterable[T]) -> None:
        """``what`` they are, for messages: "data set"."""
        self._what = what
        self._known = {thing.name: thing for thing in built_in}
        self._looked_outside = False

    def add(self, thing: T) -> None:
        """AqaError where another thing has this name."""
        if self._known.get(thing.name, thing) != thing:
            raise AqaError(f"{self._what} {thing.name!r} is registered already, as something else")
        self._known[thing.name] = thing

    def get(self, name: str) -> T:
        """AqaError, with the names there are, for an unknown one."""
        if name not in self._known:
            self._look_outside()
        if name not in self._known:
            raise AqaError(f"unknown {self._what} {name!r}: there are {', '.join(self._known)}")
        return self._known[name]

    def names(self) -> list[str]:
        return [thing.name for thing in self]

    def __iter__(self) -> Iterator[T]:
        self._look_outside()
        return iter(list(self._known.values()))

    def _look_outside(self) -> None:
        """Imports, once, what installed packages name; it calls ``add``."""
        if not self._looked_outside:
            self._looked_outside = True
            for entry in entry_points(group=ENTRY_POINTS):
                try:
                    entry.load()
                except Exception as error:  # whatever somebody else's code raises
                    raise AqaError(
                        f"{entry.value}, which an installed package names as an extension of "
                        f"aqa-pipeline, cannot be loaded ({type(error).__name__}: {error}): mend "
                        "or remove that package"
                    ) from error
