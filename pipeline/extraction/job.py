"""``aqa-pipeline extract``: footage to feature files, one npy per video."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aqa.data import FeatureFolder, FeatureOrigin
from aqa.storage import Place
from pipeline.errors import Failure, UsageError, one_line
from pipeline.extraction.folder import (
    Division,
    FailureLog,
    claim,
    divide,
    feature_origin,
    made_by,
    naming,
    note_moved,
    refuse_other_origin,
)
from pipeline.extraction.runs import Automatic, Meter, Runner, Watch
from pipeline.extraction.stages import ExtractionSpec, Finished, settled
from pipeline.footage import Video, footage_remarks
from pipeline.workspace import Console, counted

_REMARKS_SHOWN = 20
# Of a disk, not of one video: the others would fail as well.
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


@dataclass(frozen=True)
class Outcome:
    """What an extraction did: ids newly written, ids that were complete, and failures."""

    written: tuple[str, ...]
    skipped: tuple[str, ...]
    failures: tuple[Failure, ...]
    summary: str = ""  # how fast, and what was the limit
    log: str = ""  # where the failures stand


def extract(
    videos: Sequence[Video],
    spec: ExtractionSpec,
    output: Place,
    console: Console,
    *,
    runner: Runner | None = None,
    overwrite: bool = False,
    missing: Sequence[Failure] = (),
) -> Outcome:
    """Extract what is not there yet; each file appears when its video is complete.

    ``runner`` does the work (None: ``Automatic``). ``missing`` are inputs that were not found: they
    are part of the outcome and of its ``failures.jsonl``. Raises UsageError where the folder holds
    features of another origin and not ``overwrite``, or is being written by another extraction.
    """
    folder, runner = FeatureFolder(output), runner or Automatic()
    origin = feature_origin(spec)
    with claim(output, console.note), _disk(output):
        folder.sweep()
        refuse_other_origin(folder, origin, overwrite, [video.id for video in videos])
        division = divide(videos, folder, origin, overwrite)
        note_moved(division, folder)
        _tell(division, len(videos), output, console)
        failures = [*missing, *division.failures]
        log = _log(folder, videos, failures, missing)
        if not division.todo:
            return Outcome((), tuple(division.complete), tuple(failures), log=str(log.path))
        spec = settled(spec, console.note, origin.weights_digest)
        versions = made_by(spec)
        if (before := folder.versions().get("engine", versions["engine"])) != versions["engine"]:
            console.note(
                f"{output}: what is there was computed by {before}, what follows by "
                f"{versions['engine']}: the same but for the last digits; the records say which"
            )
        about = _begin(folder, origin, versions, division, videos)
        keeper = _Keeper(folder, origin, about, log, {v.id: str(v.path) for v in division.todo})
        meter = Meter(len(division.todo), len(division.complete))
        console.note(runner.announcement(division.todo, spec))
        with (
            console.live(meter.line, meter.picture) as show,
            closing(runner(division.todo, spec, Watch(meter, show, console))) as ended,
        ):
            for video in ended:
                meter.ended(video.id, failed=not keeper.keep(video))
                show()
        keeper.look_again()
        if division.overwriting:
            folder.write_origin(origin, versions)  # without the mark: it has come to its end
    for line in keeper.remarks[:_REMARKS_SHOWN]:
        console.warn(line)
    if (more := len(keeper.remarks) - _REMARKS_SHOWN) > 0:
        console.warn(f"{counted(more, 'remark')} more: in the records, {output}/provenance")
    failures += keeper.failures
    return Outcome(
        tuple(keeper.written),
        tuple(division.complete),
        tuple(failures),
        meter.summary(),
        str(log.path),
    )


@contextmanager
def _disk(output: Place) -> Iterator[None]:
    """A disk that is full or gone is one line, with what is kept; it ends the command, or each of
    the videos that are left would be computed in vain."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        room = ""
        if isinstance(output, Path) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            with suppress(OSError):
                room = f", {shutil.disk_usage(output).free / 2**20:.1f} MiB free"
        raise UsageError(
            f"{error.filename or output}: {error.strerror}{room}; what is finished is kept: when "
            "the disk takes more, the same command does the rest"
        ) from None


@dataclass
class _Keeper:
    """Saves what is done and notes what failed. ``paths`` of the videos by their ids."""

    folder: FeatureFolder
    origin: FeatureOrigin
    about: dict[str, Any]
    log: FailureLog
    paths: dict[str, str]
    written: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def keep(self, video: Finished) -> bool:
        """Whether its features are there now."""
        path = self.paths[video.id]
        problem = video.error or self._save(video)
        if problem:
            self.failures.append(Failure(video.id, naming(path, problem), path, video.tried))
            self.log.add(self.failures[-1])
            return False
        self.written.append(video.id)
        self.remarks += [f"{path}: {line}" for line in footage_remarks(video.record)]
        return True

    def look_again(self) -> None:
        """What was written and is not there any more has failed."""
        present = set(self.folder.ids())
        for video_id in [each for each in self.written if each not in present]:
            self.written.remove(video_id)
            path = self.paths[video_id]
            reason = f"{path}: its features are gone from {self.folder.folder}: who removed them?"
            self.failures.append(Failure(video_id, reason, path))
            self.log.add(self.failures[-1])

    def _save(self, video: Finished) -> str:
        """Why the features could not be kept; empty when they are."""
        try:
            self.folder.save(video.id, video.features, self.origin, video.record | self.about)
        except Exception as error:  # a name that is too long, not a number: the next may be better
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise
            return getattr(error, "strerror", None) or one_line(error)
        return ""


def _tell(division: Division, videos: int, output: Place, console: Console) -> None:
    for note in division.notes:
        console.note(note)
    if division.complete:
        console.note(
            f"{len(division.complete)} of {videos} already complete in {output}: not recomputed"
        )


def _log(
    folder: FeatureFolder,
    videos: Sequence[Video],
    failures: Sequence[Failure],
    missing: Sequence[Failure],
) -> FailureLog:
    """The log of failures, with those that are known before any work."""
    tried_now = [video.id for video in videos] + [str(video.path) for video in videos]
    log = FailureLog(folder, tried_now + [failure.name for failure in missing])
    for failure in failures:
        log.add(failure)
    return log


def _begin(
    folder: FeatureFolder,
    origin: FeatureOrigin,
    versions: dict[str, str],
    division: Division,
    videos: Sequence[Video],
) -> dict[str, Any]:
    """Says in the folder what is going to be written; gives what belongs into every record."""
    if division.overwriting and folder.origin() != origin:
        # Or those not replaced yet would pass as of the new origin.
        for video_id in {video.id for video in videos}.intersection(folder.ids()):
            folder.remove(video_id)
    folder.write_origin(origin, versions, division.overwriting)
    mark = {"overwriting": division.overwriting} if division.overwriting else {}
    return {"versions": versions} | mark
