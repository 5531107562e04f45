"""Which feature file a label is of. A label is never joined to a video that it may not mean."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from aqa.errors import listing

# Endings that a label may carry and an id not: of footage, and of feature files.
# fmt: off
KNOWN_ENDINGS = frozenset({
    ".npy",
    ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v", ".insv", ".mkv", ".webm", ".avi",
    ".divx", ".mpg", ".mpeg", ".m1v", ".m2v", ".mpv", ".vob", ".mod", ".tod", ".ts", ".mts",
    ".m2ts", ".m2t", ".tp", ".trp", ".wmv", ".asf", ".flv", ".ogv", ".ogm", ".mxf", ".gif", ".y4m",
    ".dv", ".rm", ".rmvb", ".nut", ".ivf", ".wtv", ".h264", ".264", ".avc", ".h265", ".265",
    ".hevc", ".mjpg", ".mjpeg",
})
# fmt: on


@dataclass
class Matching:
    """``ids``: written -> the id that is meant. ``several``: written -> ids that it may mean, or
    other labels that may mean the same; these are joined to none."""

    ids: dict[str, str] = field(default_factory=dict)
    several: dict[str, list[str]] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What was matched by more than the exact id."""
        shortened = [
            f"{written} -> {name}" for written, name in self.ids.items() if written != name
        ]
        if not shortened:
            return []
        labels = "1 label" if len(shortened) == 1 else f"{len(shortened)} labels"
        return [f"{labels} matched without folder or ending: {listing(shortened, 3)}"]


def match_ids(written: Iterable[str], there: Collection[str]) -> Matching:
    """The exact id first; else without a known ending; else without folders, where only one id that
    is there fits and only one label fits it.

    ``final.mp4`` means ``final``, ``final.v2`` does not: ``.v2`` is no ending. ``/data/b/c.mov``
    means ``b/c`` or ``c``, whichever is there; where both are, it is joined to neither.
    """
    there = set(there)
    by_letters: dict[str, list[str]] = defaultdict(list)
    for name in sorted(there):
        by_letters[unicodedata.normalize("NFC", name)].append(name)
    matching = Matching()
    wanted_by: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(written):
        if name in there:
            matching.ids[name] = name
            continue
        fits = _fitting(name, by_letters)
        if len(fits) > 1:
            matching.several[name] = fits
        elif fits:
            wanted_by[fits[0]].append(name)
    for video_id, names in wanted_by.items():
        rivals = [*names, video_id] if video_id in matching.ids else names
        if len(rivals) == 1:
            matching.ids[names[0]] = video_id
        else:
            matching.several |= {
                name: [other for other in rivals if other != name] for name in names
            }
    return matching


def near(name: str, there: Collection[str]) -> str | None:
    """An id that is there and may be what is meant: with leading zeros that a spreadsheet took
    (``1`` or ``1.0``, ``001``), or with an addition of another tool (``run00``, ``run00_rgb``)."""
    digits = re.sub(r"\.0$", "", name)
    padded = [found for found in there if digits.isdecimal() and found.lstrip("0") == digits]
    longer = [
        found for found in there if found.startswith(name) and not found[len(name) :][:1].isalnum()
    ]
    # of several the pictures' own, not their rate or their flow
    longer.sort(key=lambda found: ("rgb" not in found[len(name) :].lower(), len(found), found))
    return next(iter([*padded, *longer]), None)


def _fitting(name: str, there: dict[str, list[str]]) -> list[str]:
    """The ids that are there and that a written path may stand for, with as many folders as fit.

    ``there``: ids by their composed letters; a Mac writes ``ü`` as two of them.
    """
    path = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/"))
    plain = path.with_suffix("") if path.suffix.lower() in KNOWN_ENDINGS else path
    if path.as_posix() in there:
        return there[path.as_posix()]
    if plain.as_posix() in there:
        return there[plain.as_posix()]
    parts = [part for part in plain.parts if part not in ("/", "..")]
    shorter = ("/".join(parts[start:]) for start in range(len(parts)))
    return [found for short in dict.fromkeys(shorter) for found in there.get(short, ())]
