"""The raw footage of a published data set, where its register entry says that it lies."""

from __future__ import annotations

from pathlib import Path

from aqa.data import DATASETS, DatasetKind
from extractors.readers import VIDEO_SUFFIXES
from pipeline.errors import UsageError
from pipeline.footage.videos import Video, natural, videos_in


def footage_dataset(name: str) -> DatasetKind:
    """A data set whose footage has a known place; UsageError, with those there are, for another."""
    known = {kind.name: kind for kind in DATASETS if kind.raw is not None}
    if name not in known:
        raise UsageError(f"--dataset {name}: expected {', '.join(known)}")
    return known[name]


def raw_dataset(dataset: str, data_root: Path, override: Path | None = None) -> list[Video]:
    """The raw footage of a data set, below ``data_root``; where it lies elsewhere, ``override``.

    UsageError that says which folders were looked at, or which data sets there are.
    """
    layout = footage_dataset(dataset).raw
    folders = [data_root / name for name in ([override] if override else layout.folders)]
    folder = next((candidate for candidate in folders if candidate.is_dir()), None)
    if folder is None:
        looked = " or ".join(str(candidate) for candidate in folders)
        raise UsageError(
            f"no raw {dataset} footage: looked for {looked}; where it lies elsewhere below the "
            f"data root, write raw: {{{dataset}: FOLDER}} into aqa.yaml"
        )
    videos = (
        _frame_folders(folder, layout.levels)
        if layout.levels
        else list(videos_in(folder, VIDEO_SUFFIXES))
    )
    if not videos:
        raise UsageError(f"{folder}: no raw {dataset} footage in this folder")
    return videos


def _frame_folders(folder: Path, levels: int) -> list[Video]:
    """Every folder so many levels down, ``<game>/<n>`` as ``<game>_<n>``."""
    found = [folder]
    for _ in range(levels):
        found = [below for above in found for below in _folders(above)]
    return [Video("_".join(path.relative_to(folder).parts), path) for path in found]


def _folders(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if p.is_dir() and p.name[0] != "."), key=natural)
