"""RG: rhythmic gymnastics, 1000 videos of about 95 s, four apparatus of 200/50 each (ACTION-NET,
ACM MM 2020). One model per apparatus."""

from __future__ import annotations

from pathlib import Path

from aqa.data.datasets import gdlt
from aqa.data.kind import DatasetKind, Published, RawLayout, Wanted
from aqa.data.labels import Label, Labels, label_lines, score_in
from aqa.storage import Place

_COLUMNS = {"difficulty": 1, "execution": 2, "total": 3}


def _find(wanted: Wanted) -> tuple[Place, Path]:
    apparatus = wanted.apparatus
    names = gdlt.Names("rg", rf"{apparatus}_\d+", f"{apparatus}_084", "RG", header=True)
    return gdlt.find(wanted, names)


def _read(labels: Path, score: str, apparatus: str | None) -> Labels:
    return gdlt.read_split(labels, lambda path: _read_file(path, _COLUMNS[score], str(apparatus)))


def _read_file(path: Path, column: int, apparatus: str) -> list[Label]:
    """Header, then ``Video_Name Difficulty Execution Total Penalty Length``."""
    return [
        Label(words[0], score_in(path, line, words, column))
        for line, words in label_lines(path)
        if words[0].startswith(f"{apparatus}_")
    ]


RG = DatasetKind(
    name="rg",
    find=_find,
    read=_read,
    scores=("total", "difficulty", "execution"),
    score_range=(0.0, 25.0),
    apparatus=("Ball", "Clubs", "Hoop", "Ribbon"),
    protocol=gdlt.PROTOCOL,
    published=Published(200, 50, 1024, r"{apparatus}_\d+", "RG"),
    raw=RawLayout(("RG/videos", "GDLT_data/RG/videos")),
    configs=("rg-ball", "rg-clubs", "rg-hoop", "rg-ribbon"),
    paper={
        "model": {"query_count": 68, "clip_count": 68, "query_std": 2.0},
        "training": {"batch_size": 48},
    },
)
