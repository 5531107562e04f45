"""Features and labels as others use them, and back, bit for bit: Parquet in the layout of the
``datasets`` library, and WebDataset's tar shards.

Every array keeps its type; what is known of an extraction (origin, a record for each video) goes
along, so that a checkpoint is bound to what comes back as it was to what went.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aqa.data import FeatureFolder, FeatureOrigin
from aqa.errors import AqaError
from aqa.storage import json_bytes, write_atomically
from pipeline.errors import UsageError

Format = Literal["parquet", "webdataset"]
SHARD = 64  # videos
SPLITS = ("train", "test", "unlabelled")
ABOUT = "aqa-export.json"


@dataclass(frozen=True)
class Sample:
    """One video: ``features`` [T, C] as they are stored, its scores by name, its record."""

    id: str
    split: str
    features: np.ndarray
    scores: dict[str, float | None] = field(default_factory=dict)
    record: dict[str, Any] | None = None


def samples_of(
    folder: FeatureFolder, names: Sequence[str], labels: dict[str, tuple[str, dict[str, float]]]
) -> Iterator[Sample]:
    """In the order of ``names``. ``labels``: by id the split and the scores."""
    known = folder.origin() is not None
    for name in names:
        split, scores = labels.get(name, ("unlabelled", {}))
        with folder.path(name).open("rb") as file:
            features = np.lib.format.read_array(file, allow_pickle=False)
        yield Sample(name, split, features, dict(scores), folder.record(name) if known else None)


def export(
    samples: Iterator[Sample], target: Path, kind: Format, name: str, origin: FeatureOrigin | None
) -> Iterator[int]:
    """Writes shards into a new folder; how many videos are done, again and again."""
    with _whole(target) as part:
        yield from _export(samples, part, kind, name, origin)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder that takes its name when all of it is there. UsageError where one is there."""
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target} is not empty: choose another folder")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of one that was broken off
    part.mkdir(parents=True)
    yield part
    if target.exists():
        target.rmdir()
    part.rename(target)


def _export(
    samples: Iterator[Sample], target: Path, kind: Format, name: str, origin: FeatureOrigin | None
) -> Iterator[int]:
    write = _write_parquet if kind == "parquet" else _write_tar
    waiting: dict[str, list[Sample]] = {split: [] for split in SPLITS}
    shards: dict[str, int] = dict.fromkeys(SPLITS, 0)
    done = 0
    scores: list[str] = []

    def flush(split: str) -> None:
        write(target, split, shards[split], waiting[split])
        shards[split] += 1
        waiting[split] = []

    for sample in samples:
        scores += [score for score in sample.scores if score not in scores]
        waiting[sample.split].append(sample)
        if len(waiting[sample.split]) == SHARD:
            flush(sample.split)
        done += 1
        yield done
    for split in SPLITS:
        if waiting[split]:
            flush(split)
    about = {
        "format": kind,
        "dataset": name,
        "videos": done,
        "scores": scores,
        "origin": origin.to_dict() if origin else None,
        "shards": {split: count for split, count in shards.items() if count},
    }
    card = _card(name, about) if kind == "parquet" else f"# {name}\n\nWebDataset shards.\n"
    write_atomically(target / "README.md", lambda file: file.write(card.encode()))
    text = json.dumps(about, indent=2)
    write_atomically(target / ABOUT, lambda file: file.write(json_bytes(text)))


def restore(source: Path, target: Path) -> Iterator[int]:
    """The inverse: ``target/features`` and ``target/labels.csv``; how many videos are done."""
    try:
        about = json.loads((source / ABOUT).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{source} is no whole export: {ABOUT}: {error}") from None
    with _whole(target) as part:
        yield from _restore(source, about, part)


def _restore(source: Path, about: dict[str, Any], target: Path) -> Iterator[int]:
    folder = FeatureFolder(target / "features")
    origin = FeatureOrigin.from_dict(about["origin"]) if about["origin"] else None
    read = _read_parquet if about["format"] == "parquet" else _read_tar
    rows: list[list[Any]] = []
    suffix = "parquet" if about["format"] == "parquet" else "tar"
    for path in sorted(source.glob(f"*.{suffix}")):
        for sample in read(path):
            place = folder.path(sample.id)
            if sample.record is not None:
                text = json.dumps(sample.record, indent=2)
                write_atomically(folder.record_path(sample.id), lambda file, t=text: file.write(
                    json_bytes(t)))  # fmt: skip
            write_atomically(place, lambda file, a=sample.features: np.save(
                file, a, allow_pickle=False))  # fmt: skip
            if sample.split != "unlabelled":
                cells = [sample.scores.get(score) for score in about["scores"]]
                rows.append([sample.id, sample.split, *cells])
            yield len(rows)
    if origin is not None:
        folder.write_origin(origin, {})
    if rows:
        text = io.StringIO()
        only = len(about["scores"]) == 1
        names = ["score"] if only else about["scores"]
        table = csv.writer(text)
        table.writerow(["id", "split", *names])
        table.writerows(rows)
        write_atomically(target / "labels.csv", lambda file: file.write(text.getvalue().encode()))


def _write_parquet(target: Path, split: str, number: int, samples: Sequence[Sample]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str(sample.features.dtype) for sample in samples}
    if len(kinds) > 1:
        raise AqaError(f"features of several types in one split: {', '.join(sorted(kinds))}")
    rows = {
        "id": pa.array([sample.id for sample in samples]),
        "split": pa.array([sample.split for sample in samples]),
        "features": pa.array([list(sample.features) for sample in samples],
                             pa.list_(pa.list_(pa.from_numpy_dtype(samples[0].features.dtype)))),
        "record": pa.array([json.dumps(s.record) if s.record else None for s in samples],
                           pa.string()),
    }  # fmt: skip
    for score in dict.fromkeys(name for sample in samples for name in sample.scores):
        rows[f"score_{score}"] = pa.array([s.scores.get(score) for s in samples], pa.float64())
    path = target / f"{split}-{number:05d}.parquet"
    write_atomically(path, lambda file: pq.write_table(pa.table(rows), file))


def _read_parquet(path: Path) -> Iterator[Sample]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    kind = table.schema.field("features").type.value_type.value_type.to_pandas_dtype()
    for row in range(table.num_rows):
        clips = table["features"][row].values
        width = len(clips[0])
        flat = clips.flatten().to_numpy(zero_copy_only=False).astype(kind, copy=False)
        record = table["record"][row].as_py()
        yield Sample(
            table["id"][row].as_py(),
            table["split"][row].as_py(),
            flat.reshape(-1, width),
            {name.removeprefix("score_"): table[name][row].as_py()
             for name in table.column_names if name.startswith("score_")},
            json.loads(record) if record else None,
        )  # fmt: skip


def _write_tar(target: Path, split: str, number: int, samples: Sequence[Sample]) -> None:
    def write(file: Any) -> None:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for place, sample in enumerate(samples):
                # A key ends at its first dot, and must not be a path.
                key = f"{number * SHARD + place:08d}"
                about = {"id": sample.id, "split": sample.split, "scores": sample.scores,
                         "record": sample.record}  # fmt: skip
                array = io.BytesIO()
                np.save(array, sample.features, allow_pickle=False)
                for suffix, content in (("json", json_bytes(json.dumps(about))),
                                        ("npy", array.getvalue())):  # fmt: skip
                    member = tarfile.TarInfo(f"{key}.{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))

    write_atomically(target / f"{split}-{number:06d}.tar", write)


def _read_tar(path: Path) -> Iterator[Sample]:
    with tarfile.open(path) as archive:
        about: dict[str, Any] = {}
        for member in archive:
            content = archive.extractfile(member).read()
            if member.name.endswith(".json"):
                about = json.loads(content)
            else:
                features = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
                yield Sample(about["id"], about["split"], features, about["scores"],
                             about["record"])  # fmt: skip


def _card(name: str, about: dict[str, Any]) -> str:
    """What the ``datasets`` library and the hub read: which files are which split."""
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split in about["shards"]:
        lines += [f"  - split: {split}", f"    path: {split}-*.parquet"]
    return "\n".join([
        *lines, "---", "", f"# {name}", "",
        "Clip features [T, C] of routines, and their scores (columns `score_...`).",
        f"Features: {about['origin'] or 'of unknown origin'}.", "",
        "The terms of the data set that they were made of hold for them.", "",
    ])  # fmt: skip
