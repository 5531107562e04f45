"""Where the published data sets keep features and labels, and how their labels read."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aqa.errors import AqaError, listing
from aqa.storage.places import Place
from aqa.storage.plain_pickles import load_plain_pickle

_FEATURE_FOLDERS = ("swintx_avg_fps25_clip32", "RG", "rg", "fis-v", "Fis-V", "fisv", "FisV", "")
_BASES = ("GDLT_data", "RG", "rg", "fis-v", "Fis-V", "fisv", "FisV", "")
_RG_SCORES = {"difficulty": 1, "execution": 2, "total": 3}
_FISV_SCORES = {"tes": 1, "pcs": 2}


@dataclass(frozen=True)
class Label:
    """One line of a label file. ``score`` is None where a video stands without one."""

    video_id: str
    score: float | None
    joint: tuple[float, ...] = ()  # all the scores that are learned together, this one among them


@dataclass(frozen=True)
class Labels:
    train: list[Label]
    test: list[Label]
    source: Path  # folder or file


def _label_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AqaError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.split()


def _score(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AqaError(f"{where}: {text!r} is no score")
    return value


def _column(path: Path, line: int, fields: list[str], index: int) -> float:
    if len(fields) <= index:
        raise AqaError(
            f"{path} line {line}: {len(fields)} columns, the score is number {index + 1}"
        )
    return _score(fields[index], f"{path} line {line}")


def read_fisv_labels(path: Path, score: str) -> list[Label]:
    """``id TES PCS deductions``, blank-separated, no header."""
    index = _FISV_SCORES[score]
    return [
        Label(fields[0], _column(path, line, fields, index)) for line, fields in _label_lines(path)
    ]


def read_rg_labels(path: Path, score: str, apparatus: str) -> list[Label]:
    """Header, then ``Video_Name Difficulty Execution Total Penalty Length``."""
    index = _RG_SCORES[score]
    return [
        Label(fields[0], _column(path, line, fields, index))
        for line, fields in _label_lines(path)
        if fields[0].startswith(f"{apparatus}_")
    ]


def find_layout(
    kind: str,
    apparatus: str | None,
    data_root: Path,
    features: Place | None = None,
    labels: Path | None = None,
) -> tuple[Place, Path]:
    """Features folder and labels folder of Fis-V or RG below ``data_root``.

    RG and Fis-V are published with the same folder name, so a folder counts only if the files
    in it are named as that data set's. What is given is taken as it is.
    """
    pattern = re.compile(r"\d+" if kind == "fisv" else rf"{apparatus}_\d+")
    bases = [data_root / base for base in _BASES]
    folders = [base / name for base in bases for name in _FEATURE_FOLDERS]
    if features is None:
        features = _first(folders, lambda folder: _holds_features(folder, pattern))
        if features is None:
            raise AqaError(
                f"no {kind} features such as {'100' if kind == 'fisv' else f'{apparatus}_084'}.npy "
                f"below {data_root}: expected in GDLT_data/swintx_avg_fps25_clip32 or "
                f"{'fis-v' if kind == 'fisv' else 'RG'}; extract them or name their folder"
            )
    if labels is None:
        candidates = [*_beside(features), *folders, *bases]
        labels = _first(candidates, lambda folder: _holds_labels(folder, kind))
        if labels is None:
            raise AqaError(f"no {kind} labels (train.txt) in {features} or below {data_root}")
    return features, labels


def _beside(features: Place) -> list[Path]:
    """Where labels may lie with features; those of features elsewhere are below the data root."""
    return [features, features.parent] if isinstance(features, Path) else []


def _first(folders: list[Path], accept: Callable[[Path], bool]) -> Path | None:
    return next((folder for folder in folders if folder.is_dir() and accept(folder)), None)


def _holds_features(folder: Path, pattern: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(path.stem) for path in folder.glob("*.npy"))


def _holds_labels(folder: Path, kind: str) -> bool:
    path = folder / "train.txt"
    if not path.is_file():
        return False
    _, fields = next(_label_lines(path), (0, [""]))
    return (fields[0] == "Video_Name") == (kind == "rg")


def read_text_labels(kind: str, score: str, apparatus: str | None, labels: Path) -> Labels:
    """train.txt and, where it is there, test.txt of Fis-V or RG; ``labels`` may be train.txt."""
    folder = labels if labels.is_dir() else labels.parent
    train = folder / "train.txt" if labels.is_dir() else labels

    def read(path: Path) -> list[Label]:
        if kind == "fisv":
            return read_fisv_labels(path, score)
        return read_rg_labels(path, score, apparatus or "")

    test = folder / "test.txt"
    has_test = test.is_file() and test != train
    return Labels(read(train), read(test) if has_test else [], folder)


def join_scores(read: list[Labels], chosen: int) -> Labels:
    """The same label files read for several scores -> one, with all of them and a chosen one."""

    def join(parts: list[list[Label]]) -> list[Label]:
        return [
            replace(lines[chosen], joint=tuple(line.score for line in lines))
            for lines in zip(*parts, strict=True)
        ]

    return Labels(join([r.train for r in read]), join([r.test for r in read]), read[0].source)


def find_logo(
    data_root: Path, features: Place | None = None, labels: Path | None = None
) -> tuple[Place, Path]:
    """``LOGO/logo_feats`` and ``LOGO/LOGO Anno&Split``, below ``data_root`` or in it."""
    bases = [data_root / "LOGO", data_root / "logo", data_root]
    features = features or _first([base / "logo_feats" for base in bases], lambda folder: True)
    if features is None:
        raise AqaError(
            f"no LOGO features: expected {data_root}/LOGO/logo_feats; "
            "extract them or name their folder"
        )
    if labels is None:
        candidates = [base / "LOGO Anno&Split" for base in bases] + _beside(features)
        labels = _first(candidates, lambda folder: (folder / "anno_dict.pkl").is_file())
    if labels is None:
        raise AqaError(f"no LOGO labels: expected {data_root}/LOGO/LOGO Anno&Split/anno_dict.pkl")
    return features, labels


def read_logo_labels(folder: Path) -> Labels:
    """anno_dict.pkl, train_split3.pkl and, where it is there, test_split3.pkl."""
    path = folder / "anno_dict.pkl"
    annotations = load_plain_pickle(path)
    if not isinstance(annotations, dict):
        raise AqaError(f"{path} holds {type(annotations).__name__}, expected a dict")
    scores: dict[str, float] = {}
    for key, annotation in annotations.items():
        try:
            scores[_logo_id(key)] = _score(str(annotation[1]), f"{path} video {key}")
        except (TypeError, ValueError, IndexError, KeyError):
            raise AqaError(f"{path}: {key!r} is not (game, number): [event, score, ...]") from None

    def read(split: Path) -> list[Label]:
        try:
            ids = [_logo_id(key) for key in load_plain_pickle(split)]
        except (TypeError, ValueError):
            raise AqaError(f"{split} is no list of (game, number)") from None
        return [Label(video_id, scores.get(video_id)) for video_id in ids]

    test = folder / "test_split3.pkl"
    return Labels(read(folder / "train_split3.pkl"), read(test) if test.is_file() else [], folder)


def _logo_id(key: object) -> str:
    game, number = key  # type: ignore[misc]
    return f"{game}_{int(number)}"


def read_csv_labels(path: Path) -> Labels:
    """Anyone's own data: columns ``id`` (or a path), ``score``, optionally ``split``."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            # Where a comma is the decimal sign, spreadsheets separate with semicolons.
            header = file.readline()
            semicolons = ";" in header and "," not in header
            file.seek(0)
            separator = ";" if semicolons else ","
            reader = csv.DictReader(file, delimiter=separator, skipinitialspace=True)
            columns = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AqaError(f"{path} cannot be read as CSV: {error}") from error
    missing = [name for name in ("id", "score") if name not in columns]
    if missing:
        raise AqaError(
            f"{path} has no column {' and '.join(missing)}: expected id,score[,split], "
            f"got {','.join(columns) or 'nothing'}"
        )
    parts: dict[str, list[Label]] = {"train": [], "test": []}
    wrong: list[str] = []
    for line, row in enumerate(rows, 2):
        video_id, text = (row["id"] or "").strip(), (row["score"] or "").strip()
        split = (row.get("split") or "train").strip().lower()
        if not video_id or split not in parts:
            wrong.append(f"line {line}: " + (f"split {split!r}" if video_id else "no id"))
            continue
        try:
            score = _score(text.replace(",", ".") if semicolons else text, "") if text else None
        except AqaError:
            wrong.append(f"line {line}: {text!r} is no score")
            continue
        parts[split].append(Label(video_id, score))
    if wrong:
        raise AqaError(f"{path}: {listing(wrong)} (expected id,score[,split train or test])")
    return Labels(parts["train"], parts["test"], path)
