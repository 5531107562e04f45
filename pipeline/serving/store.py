"""What a server keeps: uploads and results in a folder, and their index in SQLite.

    serve-data/index.sqlite            files and the jobs that asked for them
               uploads/<digest>.<ext>  each content once, whatever it was called
               features/               clip features, as ``extract`` keeps them
               results/<digest>.json   scores and what a page shows
               pictures/<digest>.json  of a report's moments: made when it is seen
               thumbnails/<digest>.zip of all clips: made when they are asked for

A file's work is queued, running, done or failed; what was running when a server died is queued.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import filelock

from pipeline.errors import UsageError

# A server that was killed lets go of it at once.
PATIENCE_S = 5.0
State = Literal["queued", "running", "done", "failed"]
_SCHEMA = """
create table if not exists files (
    number integer primary key autoincrement,
    digest text not null unique,
    suffix text not null,
    bytes integer not null,
    seconds real not null,
    clips integer not null,
    state text not null,
    error text not null default '',
    scores text not null default '{}',
    finished_at real
);
create table if not exists jobs (
    number integer primary key autoincrement,
    id text not null unique,
    digest text not null references files (digest),
    name text not null,
    created_at real not null
);
create index if not exists jobs_by_digest on jobs (digest);
create table if not exists made_by (models text not null);
"""


@dataclass(frozen=True)
class StoredFile:
    """One content. ``seconds`` it lasts, ``clips`` it has; ``number`` is its place in the queue;
    ``scores`` by name, in JSON."""

    number: int
    digest: str
    suffix: str
    bytes: int
    seconds: float
    clips: int
    state: State
    error: str
    scores: str
    finished_at: float | None


@dataclass(frozen=True)
class Job:
    """What somebody asked for: a name for a content. ``created_at`` in seconds since 1970."""

    id: str
    name: str
    created_at: float
    file: StoredFile


class Store:
    """The folder of one server; UsageError where another has it. Safe to use from threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        for name in ("uploads", "results", "pictures", "thumbnails"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._held = filelock.FileLock(self.folder / "lock", mode=0o600)
        try:
            self._held.acquire(timeout=PATIENCE_S)
        except filelock.Timeout:
            raise UsageError(f"{folder}: another server has this folder: choose --folder") from None
        self._lock = threading.Lock()
        self._index = sqlite3.connect(
            self.folder / "index.sqlite", check_same_thread=False, isolation_level=None
        )
        self._index.row_factory = sqlite3.Row
        self._index.execute("pragma journal_mode=wal")
        self._index.executescript(_SCHEMA)
        self._do("update files set state = 'queued' where state = 'running'")
        for left in (self.folder / "uploads").glob(".part-*"):
            left.unlink(missing_ok=True)

    @property
    def features(self) -> Path:
        return self.folder / "features"

    def video(self, file: StoredFile) -> Path:
        return self.folder / "uploads" / f"{file.digest}{file.suffix}"

    def result(self, digest: str) -> Path:
        return self.folder / "results" / f"{digest}.json"

    def pictures(self, digest: str) -> Path:
        return self.folder / "pictures" / f"{digest}.json"

    def thumbnails(self, digest: str) -> Path:
        return self.folder / "thumbnails" / f"{digest}.zip"

    def new_upload(self, suffix: str) -> Path:
        """Removed at the next start, unless it came to stay."""
        return self.folder / "uploads" / f".part-{secrets.token_hex(8)}{suffix}"

    def file(self, digest: str) -> StoredFile | None:
        rows = self._do("select * from files where digest = ?", digest)
        return StoredFile(**rows[0]) if rows else None

    def add_file(
        self, part: Path, digest: str, suffix: str, *, seconds: float, clips: int
    ) -> StoredFile:
        """An upload that was checked comes to stay; a failed one of the same content is tried
        again."""
        size = part.stat().st_size
        part.replace(self.folder / "uploads" / f"{digest}{suffix}")
        self._do(
            "insert into files (digest, suffix, bytes, seconds, clips, state) "
            "values (?, ?, ?, ?, ?, 'queued') on conflict (digest) do update set "
            "suffix = excluded.suffix, state = 'queued', error = '' where state = 'failed'",
            digest, suffix, size, seconds, clips,
        )  # fmt: skip
        return self.file(digest)

    def add_job(self, digest: str, name: str) -> Job:
        job_id = secrets.token_urlsafe(9)
        self._do(
            "insert into jobs (id, digest, name, created_at) values (?, ?, ?, ?)",
            job_id, digest, name, time.time(),
        )  # fmt: skip
        return self.job(job_id)

    def job(self, job_id: str) -> Job | None:
        found = self._jobs("where jobs.id = ?", job_id)
        return found[0] if found else None

    def jobs(self, search: str = "", limit: int = 100, offset: int = 0) -> list[Job]:
        """The latest first; those with ``search`` in their name."""
        wanted = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return self._jobs(
            "where jobs.name like ? escape '\\' order by jobs.number desc limit ? offset ?",
            f"%{wanted}%", limit, offset,
        )  # fmt: skip

    def delete(self, job: Job) -> bool:
        """Whether that was the last that asked for its content: then nothing of it is kept."""
        self._do("delete from jobs where id = ?", job.id)
        digest = job.file.digest
        if self._do("select 1 from jobs where digest = ? limit 1", digest):
            return False
        self._do("delete from files where digest = ?", digest)
        self.remove_files(job.file)
        return True

    def remove_files(self, file: StoredFile) -> None:
        digest = file.digest
        of_it: Iterable[Path] = (
            self.video(file), self.result(digest), self.pictures(digest), self.thumbnails(digest),
            self.features / f"{digest}.npy", self.features / "provenance" / f"{digest}.json",
        )  # fmt: skip
        for path in of_it:
            path.unlink(missing_ok=True)

    def bind(self, models: str) -> int:
        """How many videos are queued again: all, where other models than these scored them."""
        (before,) = self._do("select models from made_by") or ({"models": models},)
        self._do("delete from made_by")
        self._do("insert into made_by values (?)", models)
        if before["models"] == models:
            return 0
        finished = "where state in ('done', 'failed')"
        (found,) = self._do(f"select count(*) as many from files {finished}")
        self._do(f"update files set state = 'queued', error = '' {finished}")
        return found["many"]

    def set_done(self, digest: str, scores: Mapping[str, float]) -> None:
        self._do("update files set scores = ? where digest = ?", json.dumps(scores), digest)
        self.set_state(digest, "done")

    def set_state(self, digest: str, state: State, error: str = "") -> None:
        at = time.time() if state in ("done", "failed") else None
        self._do(
            "update files set state = ?, error = ?, finished_at = ? where digest = ?",
            state, error, at, digest,
        )  # fmt: skip

    def waiting(self) -> list[StoredFile]:
        """Queued, in the order in which they came."""
        rows = self._do("select * from files where state = 'queued' order by number")
        return [StoredFile(**row) for row in rows]

    def unfinished(self) -> list[StoredFile]:
        """Running and queued, in the order in which they came."""
        rows = self._do("select * from files where state in ('queued', 'running') order by number")
        return [StoredFile(**row) for row in rows]

    def done(self) -> list[str]:
        return [row["digest"] for row in self._do("select digest from files where state = 'done'")]

    def counts(self) -> dict[str, int]:
        """Of contents, by state."""
        rows = self._do("select state, count(*) as many from files group by state")
        return {"queued": 0, "running": 0, "done": 0, "failed": 0} | {
            row["state"]: row["many"] for row in rows
        }

    def close(self) -> None:
        with self._lock:
            self._index.close()
        self._held.release()

    def _jobs(self, condition: str, *values: Any) -> list[Job]:
        rows = self._do(
            "select jobs.id, jobs.name, jobs.created_at, files.* from jobs "
            f"join files on files.digest = jobs.digest {condition}",
            *values,
        )
        own = ("id", "name", "created_at")
        return [
            Job(
                **{key: row[key] for key in own},
                file=StoredFile(**{key: row[key] for key in row if key not in own}),
            )
            for row in rows
        ]

    def _do(self, statement: str, *values: Any) -> Sequence[dict[str, Any]]:
        with self._lock:
            return [dict(row) for row in self._index.execute(statement, values)]
