"""The feature-file format, and where features come from. Nothing else knows either.

A feature file is ``<folder>/<video id>.npy``, float32 ``[clips, channels]`` in time order (float16
is read too). Beside it stand ``<folder>/provenance.json`` (origin and library versions) and
``<folder>/provenance/<video id>.json`` (origin and source of that video). The folder may lie on
another file system (:mod:`aqa.storage.places`).
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import tokenize
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from aqa.data.sources import Digest, moved_record, no_digest, source_difference
from aqa.errors import AqaError, SpoiledError
from aqa.storage import Place, RemotePath, as_place, read_json, write_atomically, write_json

# A file system takes names of 255 bytes.
_LONGEST_NAME = 255 - len(".json")
_NAME_KEPT = 200
# What numpy raises for a header that it cannot make out, which it takes for Python.
_HEADER_ERRORS = (ValueError, EOFError, SyntaxError, TypeError, RecursionError, tokenize.TokenError)
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")


@dataclass(frozen=True)
class FeatureOrigin:
    """What binds a checkpoint to features; library versions, precision and device do not."""

    backbone: str
    weights: str
    weights_digest: str | None
    protocol: str

    def differences(self, other: FeatureOrigin) -> list[str]:
        """Lines such as ``"protocol contiguous32 / uniform48x16"``; empty if they match.

        Weights are compared by digest when both sides have one, else by name.
        """
        pairs = [("backbone", self.backbone, other.backbone)]
        if self.weights_digest and other.weights_digest:
            digests = self.weights_digest[:12], other.weights_digest[:12]
            pairs.append(("weights digest", *digests))
        else:
            pairs.append(("weights", self.weights, other.weights))
        pairs.append(("protocol", self.protocol, other.protocol))
        return [f"{name} {mine} / {theirs}" for name, mine, theirs in pairs if mine != theirs]

    def __str__(self) -> str:
        digest = f" ({self.weights_digest[:12]})" if self.weights_digest else ""
        return f"{self.backbone}, weights {self.weights}{digest}, protocol {self.protocol}"

    def to_dict(self) -> dict[str, str | None]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any], where: str = "origin") -> FeatureOrigin:
        try:
            texts = [fields["backbone"], fields["weights"], fields["protocol"]]
        except (KeyError, TypeError):
            texts = [None]
        digest = fields.get("weights_digest") if isinstance(fields, dict) else None
        if not all(isinstance(text, str) for text in texts) or not isinstance(digest, str | None):
            raise SpoiledError(
                f"{where}: expected backbone, weights, weights_digest and protocol, got {fields}"
            )
        return cls(texts[0], texts[1], digest, texts[2])


def read_features(path: str | Place, channels: int | None = None) -> np.ndarray:
    """Read one feature file -> float32 [clips, channels].

    AqaError names the file if it is missing, not npy, not 2-D numbers, empty, holds NaN or
    infinity, or is not ``channels`` wide.
    """
    path = as_place(path)
    # A named pipe would be waited for until somebody writes.
    if not isinstance(path, RemotePath) and path.exists() and not path.is_file():
        raise AqaError(
            f"{path} is no feature file: {'a folder' if path.is_dir() else 'a pipe or device'}"
        )
    try:
        with path.open("rb") as file:
            stored = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise AqaError(f"{path}: no such feature file") from None
    except (OSError, MemoryError, OverflowError, *_HEADER_ERRORS) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise AqaError(
            f"{path} is no readable feature file (npy): {reason}; extract it again"
        ) from error
    problem = _array_problem(stored, channels)
    if problem:
        raise AqaError(f"{path}: {problem}")
    with np.errstate(over="ignore"):  # beyond float32 is infinity, which is refused
        features = stored.astype(np.float32)
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features).all(axis=1)).sum())
        raise AqaError(
            f"{path}: NaN or infinity in {bad} of {len(features)} clips, extract it again"
        )
    return features


def _array_problem(stored: np.ndarray, channels: int | None = None) -> str | None:
    if stored.dtype.kind != "f":
        return f"holds {stored.dtype}, expected float32 or float16"
    if stored.ndim != 2 or 0 in stored.shape:
        return f"has shape {list(stored.shape)}, expected [clips, channels]"
    if channels is not None and stored.shape[1] != channels:
        return f"features are {stored.shape[1]} wide, expected {channels} channels"
    return None


@dataclass(frozen=True)
class Stale:
    """Why a video must be extracted (again); ``damaged``: what is there is of no use to anyone."""

    reason: str
    damaged: bool = False


class FeatureFolder:
    """The feature files of one extraction. Ids may contain "/" (files in subfolders)."""

    def __init__(self, place: str | Place) -> None:
        self.folder = as_place(place)

    def ids(self) -> list[str]:
        """Ids of the feature files that are there, sorted. One listing, wherever they lie."""
        if isinstance(self.folder, RemotePath):
            start = len(self.folder.key) + 1 if self.folder.key else 0
            names = (PurePosixPath(info.path.key[start:]) for info in self.folder.files())
            found = (name for name in names if name.suffix == ".npy")
        else:
            found = (path.relative_to(self.folder) for path in self.folder.rglob("*.npy"))
        return sorted(
            path.with_suffix("").as_posix() for path in found if not path.name.startswith(".")
        )

    def exists(self, video_id: str) -> bool:
        """Whether its feature file is there, of whatever origin."""
        return self.path(video_id).exists()

    def path(self, video_id: str) -> Place:
        parts = PurePosixPath(video_id).parts
        if not parts or video_id.startswith("/") or ".." in parts:
            raise AqaError(f"{video_id!r} cannot be the id of a video in {self.folder}")
        # Not with_suffix: an id may contain a dot.
        return self.folder / f"{video_id}.npy"

    def record_path(self, video_id: str) -> Place:
        self.path(video_id)
        above, _, name = video_id.rpartition("/")
        if len(os.fsencode(name)) > _LONGEST_NAME:  # as npy it fits, as json it would not
            digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
            name = f"{os.fsencode(name)[:_NAME_KEPT].decode('utf-8', 'ignore')}~{digest}"
        return self.folder / "provenance" / above / f"{name}.json"

    def origin(self) -> FeatureOrigin | None:
        """Where these features come from; None for folders without provenance.json."""
        path = self.folder / "provenance.json"
        if not path.exists():
            return None
        return FeatureOrigin.from_dict(read_json(path).get("origin", {}), str(path))

    def write_origin(
        self, origin: FeatureOrigin, versions: dict[str, str], overwriting: str | None = None
    ) -> None:
        """``overwriting`` names an extraction that replaces what is here, until it is written
        again without."""
        content: dict[str, Any] = {"origin": origin.to_dict(), "versions": versions}
        if overwriting:
            content["overwriting"] = overwriting
        write_json(self.folder / "provenance.json", content)

    def versions(self) -> dict[str, str]:
        """What made the features that were written last: libraries, device, engine."""
        path = self.folder / "provenance.json"
        return read_json(path).get("versions", {}) if path.exists() else {}

    def overwriting(self) -> str | None:
        """The name of an overwriting extraction that has not come to its end."""
        path = self.folder / "provenance.json"
        return read_json(path).get("overwriting") if path.exists() else None

    def remove(self, video_id: str) -> None:
        """The feature file of one video, if there is one."""
        self.path(video_id).unlink(missing_ok=True)

    def record(self, video_id: str) -> dict[str, Any] | None:
        """The record of one video (origin, source, reader, clip times ...), None if it has none."""
        path = self.record_path(video_id)
        return read_json(path) if path.exists() else None

    def save(
        self, video_id: str, features: np.ndarray, origin: FeatureOrigin, record: dict[str, Any]
    ) -> Place:
        """Write record and features [clips, channels]; the npy, the sign of completion, last."""
        features = np.ascontiguousarray(features, dtype=np.float32)
        path = self.path(video_id)
        problem = _array_problem(features)
        if problem is None and not np.isfinite(features).all():
            problem = "the backbone gave NaN or infinity"
        if problem:
            raise AqaError(f"{path}: {problem}")
        # Were the old file left, a crash here would bind it to the new record.
        path.unlink(missing_ok=True)
        content = {**record, "origin": origin.to_dict(), "shape": list(features.shape)}
        write_json(self.record_path(video_id), content)
        write_atomically(path, lambda file: np.save(file, features, allow_pickle=False))
        return path

    def reason_to_redo(
        self,
        video_id: str,
        origin: FeatureOrigin,
        source: dict[str, Any] | None = None,
        *,
        digest: Digest = no_digest,
        frame_rate: float | None = None,
    ) -> Stale | None:
        """Why this video must be extracted (again), None if its features are there and match.

        ``source``, its ``digest`` and ``frame_rate`` are compared as in ``source_difference``.
        """
        path = self.path(video_id)
        if not path.exists():
            return Stale("no features yet")
        try:
            record = self.record(video_id)
            if record is None:
                return Stale("features of unknown origin")
            differences = FeatureOrigin.from_dict(record.get("origin", {})).differences(origin)
            with path.open("rb") as file:
                shape, dtype = npy_header(file)
        except (SpoiledError, *_HEADER_ERRORS) as error:
            return Stale(f"cannot be read: {error}", damaged=True)
        except (AqaError, OSError) as error:
            return Stale(f"cannot be read: {error}")
        if differences:
            return Stale(f"features of another origin ({'; '.join(differences)})")
        if dtype.kind != "f" or list(shape) != record.get("shape"):
            reason = f"features have shape {list(shape)}, recorded {record.get('shape')}"
            return Stale(reason, damaged=True)
        difference = source_difference(record, source, digest, frame_rate)
        return Stale(difference) if difference else None

    def moved(
        self, video_id: str, source: dict[str, Any], digest: Digest = no_digest
    ) -> dict[str, Any] | None:
        """The record to ``note`` of a video whose source lies elsewhere now; None if it does not.
        Only where there is no ``reason_to_redo``."""
        return moved_record(self.record(video_id) or {}, source, digest)

    def note(self, video_id: str, record: dict[str, Any]) -> None:
        """Replaces the record of one video; the features stay. Where it cannot be written (a
        read-only folder, a path that is no text) the old one does, too: it says as much of them."""
        with suppress(AqaError, OSError, UnicodeError):
            write_json(self.record_path(video_id), record)

    def sweep(self) -> int:
        """Removes what killed writers left, and says how many files; only while nobody writes."""
        if isinstance(self.folder, RemotePath):
            left = [info.path for info in self.folder.files()]
        else:
            left = list(self.folder.rglob(".*.tmp"))
        left = [path for path in left if _TEMPORARY.fullmatch(path.name)]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def npy_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an npy file that is as long as it says; the data are not read."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    expected = file.tell() + math.prod(shape) * dtype.itemsize
    if (length := file.seek(0, 2)) != expected:
        raise ValueError(f"{length} bytes, expected {expected}")
    return shape, dtype
