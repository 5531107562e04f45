"""Fis-V: figure skating, 500 videos (400/100) of about 2 min 50 s (Xu et al., TCSVT 2020)."""

from __future__ import annotations

from pathlib import Path

from aqa.data.datasets import gdlt
from aqa.data.kind import DatasetKind, Published, RawLayout, Wanted
from aqa.data.labels import Label, Labels, label_lines, score_in
from aqa.storage import Place

_COLUMNS = {"tes": 1, "pcs": 2}
_NAMES = gdlt.Names("fisv", r"\d+", "100", "fis-v", header=False)


def _find(wanted: Wanted) -> tuple[Place, Path]:
    return gdlt.find(wanted, _NAMES)


def _read(labels: Path, score: str, apparatus: str | None) -> Labels:
    return gdlt.read_split(labels, lambda path: _read_file(path, _COLUMNS[score]))


def _read_file(path: Path, column: int) -> list[Label]:
    """``id TES PCS deductions``, blank-separated, no header."""
    return [
        Label(words[0], score_in(path, line, words, column)) for line, words in label_lines(path)
    ]


FISV = DatasetKind(
    name="fisv",
    find=_find,
    read=_read,
    scores=("pcs", "tes"),
    score_range=(0.0, 43.0),
    protocol=gdlt.PROTOCOL,
    published=Published(400, 100, 1024, r"\d+", "fis-v"),
    raw=RawLayout(("fis-v/videos", "GDLT_data/fis-v/videos")),
    configs=("fisv-tes", "fisv-pcs"),
    paper={
        "model": {"query_count": 136, "clip_count": 136, "query_std": 5.0},
        "training": {"batch_size": 32},
    },
)
