"""What is known of a data set before anything of it is read, as plain data and two functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aqa.data.labels import Labels
from aqa.storage import Place

# What a score is called where nobody names it.
OWN_SCORE = "score"


@dataclass(frozen=True)
class RawLayout:
    """Where the footage lies below the data root.

    folders         looked for in this order.
    levels          0: one video file per routine, its id is its path below the folder; else each
                    folder so many levels down holds the frames of one, and its id joins the names
                    of the levels with "_" (2: ``<game>/<n>/00000.jpg`` is ``<game>_<n>``).
    """

    folders: tuple[str, ...]
    levels: int = 0


@dataclass(frozen=True)
class Published:
    """How large it was published, of each apparatus. ``channels``: of its features; ``ids``: how a
    video is called, a pattern in which ``{apparatus}`` may stand; ``home``: the folder below the
    data root that an import fills."""

    train: int
    test: int
    channels: int
    ids: str
    home: str

    @property
    def videos(self) -> int:
        return self.train + self.test


@dataclass(frozen=True)
class Wanted:
    """What to look for: below ``data_root``, or where ``features`` and ``labels`` say."""

    data_root: Path
    apparatus: str | None = None
    features: Place | None = None
    labels: Path | None = None


@dataclass(frozen=True)
class DatasetKind:
    """One data set.

    name        of ``dataset.kind`` in a config, and of ``extract --dataset`` where it has footage.
    find        the folders (or files) of features and of labels; AqaError where they are not.
    read        (labels, score, apparatus) -> the labels of one score; AqaError that names the line.
    scores      their names, the usual one first; empty: any one name.
    score_range lowest and highest possible score; None: those of the training labels.
    apparatus   parts that are trained apart; empty: none.
    protocol    the name of the extraction protocol of its published features; None: not published.
    raw         its footage; None: no published layout.
    published   how large it is; None: not a published one.
    below_root  whether its labels and features are looked for below the data root.
    configs     shipped experiments, the usual one first; none: the defaults for its usual score.
    paper       what the published configs say about model and training, for ``recipe: paper``.
    sizes       of the default model and its training, by section, that fit its clips.
    """

    name: str
    find: Callable[[Wanted], tuple[Place, Path]]
    read: Callable[[Path, str, str | None], Labels]
    scores: tuple[str, ...] = ()
    score_range: tuple[float, float] | None = None
    apparatus: tuple[str, ...] = ()
    protocol: str | None = None
    raw: RawLayout | None = None
    published: Published | None = None
    below_root: bool = True
    configs: tuple[str, ...] = ()
    paper: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sizes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def usual_score(self) -> str:
        return self.scores[0] if self.scores else OWN_SCORE
