"""``aqa-pipeline data check``: every file of a data set read, a digest of each and of the whole.

The digests name neither folders nor this machine, so that two copies that lie differently are equal
where their contents are. Broken off, it goes on: what is unchanged since is not read again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aqa.data import DatasetKind, read_features
from aqa.errors import AqaError
from aqa.storage import read_json, write_json
from extractors import ExtractorError, open_clips
from pipeline import __version__
from pipeline.datasets.parts import Parts, every_part
from pipeline.errors import UsageError, one_line
from pipeline.footage import content_digest, source_stamp

Kind = Literal["labels", "features", "footage"]
FORMAT = 1
# Pooled Video Swin features lie within +-20; these are no numbers of any backbone.
HIGHEST = 1e4
_BLOCK = 1 << 20
_AHEAD = 4  # tasks of each process that wait


@dataclass(frozen=True)
class Item:
    """One file, or one folder of frames."""

    kind: Kind
    id: str
    path: str
    stamp: tuple[int, int]  # bytes, time of the latest change in ns
    channels: int | None = None
    protocol: str | None = None
    frame_rate: float = 25.0


@dataclass(frozen=True)
class Checked:
    """``digest``: SHA-256 of the content; of a folder of frames of its names, sizes and parts of
    three. ``facts``: what was seen. ``problem``: one line; empty: none."""

    kind: Kind
    id: str
    bytes: int
    digest: str
    facts: Mapping[str, Any]
    problem: str = ""
    stamp: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Report:
    """What can be kept and compared: ``digests`` of each part and of the whole."""

    dataset: str
    counts: Mapping[str, int]
    digests: Mapping[str, str]
    problems: tuple[str, ...]
    files: tuple[Checked, ...]
    format: int = FORMAT
    version: str = __version__

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def items_of(parts: Sequence[Parts]) -> list[Item]:
    """Everything of a data set, each once: the apparatus of one share their label files."""
    found: dict[tuple[str, str], Item] = {}
    for part in parts:
        for path in _label_files(part):
            found["labels", path.name] = _item("labels", path.name, path)
        channels = part.dataset.published.channels if part.dataset.published else None
        for name, path in part.features.items():
            found["features", name] = _item("features", name, path, channels=channels)
        for name, video in part.footage.items():
            found["footage", name] = _item(
                "footage", name, video.path, protocol=part.dataset.protocol,
                frame_rate=video.frame_rate,
            )  # fmt: skip
    return [found[key] for key in sorted(found)]


def check_dataset(
    dataset: DatasetKind, root: Path, raw: Path | None, kept: Path, processes: int
) -> Iterator[tuple[int, int] | Report]:
    """(done, of all) again and again, then the report, which is in ``kept`` as well. What an
    earlier run found of files that have not changed is taken from there."""
    parts = every_part(dataset, root, raw)
    items, partial = items_of(parts), kept.with_suffix(".partial.jsonl")
    if not items:
        said = "; ".join(dict.fromkeys(why for part in parts for why in part.missing.values()))
        raise UsageError(f"nothing of {dataset.name} is there: {said}")
    known = _known(kept, partial)
    checked, todo = [], []
    for item in items:
        before = known.get((item.kind, item.id))
        fresh = before is not None and before.stamp == item.stamp
        checked.append(before) if fresh else todo.append(item)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("a", encoding="utf-8") as journal:
        for each in _all_of(todo, processes):
            journal.write(json.dumps(asdict(each)) + "\n")
            journal.flush()
            checked.append(each)
            yield len(checked), len(items)
    report = _summed(dataset.name, checked, parts)
    write_json(kept, report.to_dict())
    partial.unlink(missing_ok=True)
    yield report


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Lines that say in what two reports differ; none where they agree."""
    if theirs.get("dataset") != ours["dataset"]:
        return [f"of another data set: {theirs.get('dataset')}"]
    said = []
    for kind in ("labels", "features", "footage"):
        if ours["digests"].get(kind) == theirs["digests"].get(kind):
            continue
        mine, other = ({f["id"]: f["digest"] for f in each["files"] if f["kind"] == kind}
                       for each in (ours, theirs))  # fmt: skip
        for what, names in (
            ("only here", mine.keys() - other.keys()),
            ("only there", other.keys() - mine.keys()),
            ("different", {n for n in mine.keys() & other.keys() if mine[n] != other[n]}),
        ):
            if names:
                shown = ", ".join(sorted(names)[:10]) + (", ..." if len(names) > 10 else "")
                said.append(f"{kind}: {len(names)} {what}: {shown}")
    return said


def read_report(path: Path) -> dict[str, Any]:
    """One that was kept; AqaError where it is none."""
    found = read_json(path)
    if not isinstance(found, dict) or found.get("format") != FORMAT or "files" not in found:
        raise AqaError(f"{path} is no report of `data check`")
    return found


def _label_files(part: Parts) -> list[Path]:
    if part.labels_at is None:
        return []
    if part.labels_at.is_file():
        return [part.labels_at]
    wanted = ("train.txt", "test.txt", "anno_dict.pkl", "formation_dict.pkl", "train_split3.pkl",
              "test_split3.pkl")  # fmt: skip
    return [path for name in wanted if (path := part.labels_at / name).is_file()]


def _item(kind: Kind, name: str, path: Path, **more: Any) -> Item:
    stamp = source_stamp(path)
    return Item(kind, name, str(path.absolute()), (stamp["size"], stamp["mtime_ns"]), **more)


def _known(kept: Path, partial: Path) -> dict[tuple[str, str], Checked]:
    rows: list[Any] = []
    if kept.is_file():
        try:
            rows += read_report(kept)["files"]
        except AqaError:
            rows = []
    if partial.is_file():
        for line in partial.read_text("utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:  # the last line of a run that was killed
                continue
    return {
        (row["kind"], row["id"]): Checked(**row | {"stamp": tuple(row["stamp"])}) for row in rows
    }


def _all_of(todo: Sequence[Item], processes: int) -> Iterator[Checked]:
    """In any order. A few tasks wait for each process, so that a broken one costs little."""
    if processes == 1 or len(todo) < 2:
        yield from map(check_item, todo)
        return
    context, left = multiprocessing.get_context("spawn"), iter(todo)
    with ProcessPoolExecutor(processes, context) as pool:
        running = {pool.submit(check_item, item) for item in islice(left, _AHEAD * processes)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
            running |= {pool.submit(check_item, item) for item in islice(left, len(done))}


def check_item(item: Item) -> Checked:
    """Never raises for what is wrong with it."""
    path, facts, digest = Path(item.path), {}, ""
    try:
        digest = (content_digest(path) or "") if path.is_dir() else _sha256(path)
        facts = _LOOK[item.kind](item, path)
        problem = ""
    except (AqaError, ExtractorError, OSError) as error:
        problem = one_line(error).replace(item.path, item.id)
    return Checked(item.kind, item.id, item.stamp[0], digest, facts, problem, item.stamp)


def _look_at_features(item: Item, path: Path) -> dict[str, Any]:
    features = read_features(path, item.channels)
    lowest, highest = float(features.min()), float(features.max())
    facts = {"shape": list(features.shape), "dtype": str(np.load(path, mmap_mode="r").dtype),
             "lowest": lowest, "highest": highest, "mean": float(features.mean())}  # fmt: skip
    if max(-lowest, highest) > HIGHEST:
        raise AqaError(f"{path}: values up to {max(-lowest, highest):.3g}: no features")
    if lowest == highest:
        raise AqaError(f"{path}: every number is {lowest:g}")
    return facts


def _look_at_footage(item: Item, path: Path) -> dict[str, Any]:
    with open_clips(path, item.protocol or "contiguous32", frame_rate=item.frame_rate) as stream:
        info = stream.info
        return {
            "codec": info.codec, "width": info.width, "height": info.height, "fps": info.fps,
            "frames": info.frame_count, "seconds": info.duration_s, "clips": len(stream),
            "remarks": list(info.remarks),
        }  # fmt: skip


_LOOK = {
    "labels": lambda item, path: {},  # they were parsed when they were found
    "features": _look_at_features,
    "footage": _look_at_footage,
}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _summed(name: str, checked: Iterable[Checked], parts: Sequence[Parts]) -> Report:
    files = sorted(checked, key=lambda each: (each.kind, each.id))
    digests, counts = {}, {}
    for kind in ("labels", "features", "footage"):
        of_kind = [each for each in files if each.kind == kind]
        counts[kind] = len(of_kind)
        if of_kind:
            text = "\n".join(f"{each.id} {each.digest}" for each in of_kind)
            digests[kind] = hashlib.sha256(text.encode()).hexdigest()
    every = "\n".join(f"{kind} {digest}" for kind, digest in digests.items())
    digests["all"] = hashlib.sha256(every.encode()).hexdigest()
    problems = [f"{each.kind}: {each.problem}" for each in files if each.problem]
    problems += [f"{part.name}: {why}" for part in parts for key, why in part.missing.items()
                 if key == "labels"]  # fmt: skip
    return Report(name, counts, digests, tuple(problems), tuple(files))
