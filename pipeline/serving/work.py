"""The queue's work: videos in the order in which they came, in parts, to the replicas."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aqa.data import FeatureFolder, FeatureOrigin
from aqa.errors import AqaError
from extractors.errors import ExtractorError
from pipeline.errors import UsageError, one_line
from pipeline.extraction import Assembly, Batch, Finished, Part
from pipeline.footage import Video
from pipeline.serving.replicas import Replicas
from pipeline.serving.store import Store, StoredFile

# A replica that dies takes no video with it, unless the video is why.
ATTEMPTS = 3
_WINDOW_S = 120.0


@dataclass
class _Open:
    """A video that is worked on: its parts that are not done."""

    file: StoredFile
    left: int
    assembly: Assembly = field(default_factory=Assembly)
    clips: int = 0
    of: int = 0


@dataclass(frozen=True)
class _Task:
    """A part of a video to read; None: its features are there, of an earlier start."""

    digest: str
    part: Part | None


class Work:
    """Runs on the event loop of the server. ``origin`` and ``versions``: of the features."""

    def __init__(
        self,
        store: Store,
        replicas: Replicas,
        origin: FeatureOrigin,
        versions: Mapping[str, str],
        command: str,
    ) -> None:
        self._store, self._replicas, self._command = store, replicas, command
        self._features = FeatureFolder(store.features)
        self._origin, self._versions = origin, dict(versions)
        self._open: dict[str, _Open] = {}
        self._tasks: asyncio.Queue[_Task] = asyncio.Queue(1)
        self._news = asyncio.Event()
        self._recent: deque[tuple[float, int]] = deque()
        self.clips = 0  # computed since the start
        self.complaints: deque[str] = deque()  # lines for whoever runs the server

    async def run(self) -> None:
        """Until it is cancelled."""
        self._features.write_origin(self._origin, self._versions)
        workers = [self._take() for _ in range(self._replicas.at_once)]
        async with asyncio.TaskGroup() as group:
            for each in (self._feed(), *workers):
                group.create_task(each)

    def news(self) -> None:
        """There is something in the queue."""
        self._news.set()

    def drop(self, digest: str) -> None:
        """Nobody wants it any more: what is being done of it comes to nothing."""
        self._open.pop(digest, None)

    def progress(self, digest: str) -> tuple[int, int] | None:
        """Clips that are done, and in all; None of what is not being worked on."""
        found = self._open.get(digest)
        return None if found is None else (found.clips, found.of or found.file.clips)

    def clips_per_s(self) -> float | None:
        """Lately; None before there is anything to go by."""
        if len(self._recent) < 2:
            return None
        (first, _), (last, _) = self._recent[0], self._recent[-1]
        return sum(clips for _, clips in self._recent) / max(last - first, 0.5)

    def seconds_left(self, digest: str, files: list[StoredFile]) -> float | None:
        """Until a file is done, of those that wait or run, in their order."""
        rate, ahead = self.clips_per_s(), 0
        for file in files:
            done, of = self.progress(file.digest) or (0, file.clips)
            ahead += max(0, of - done)
            if file.digest == digest:
                return None if rate is None else ahead / rate
        return None

    async def compare(self, names: Mapping[str, str], align: str) -> dict[str, Any]:
        document = await self._replicas.assessor.compare.remote(dict(names), align)
        return document | {"command": f"{self._command} --align {align}"}

    async def _feed(self) -> None:
        while True:
            self._news.clear()
            waiting = self._store.waiting()
            if not waiting:
                await self._news.wait()
                continue
            file = waiting[0]
            # Alone, a video is shared by all; where many wait each is done by one, which saves
            # opening it again.
            of = 1 if len(waiting) >= 2 * self._replicas.backbones else self._replicas.backbones
            self._store.set_state(file.digest, "running")
            if self._features.reason_to_redo(file.digest, self._origin) is None:
                of = 0
            self._open[file.digest] = _Open(file, of, of=file.clips)
            video = Video(file.digest, self._store.video(file))
            for number in range(of):
                await self._tasks.put(_Task(file.digest, Part(video, number, of)))
            if not of:
                await self._tasks.put(_Task(file.digest, None))

    async def _take(self) -> None:
        while True:
            task = await self._tasks.get()
            digest = task.digest
            if digest not in self._open:
                continue
            try:
                if task.part is None:
                    await self._assess(digest)
                elif (finished := await self._computed(task.part)) is not None:
                    await self._keep(digest, finished)
                    await self._assess(digest)
            except Exception as error:  # one upload's failure is its own
                self._fail(digest, self._reason(error))

    async def _computed(self, part: Part) -> Finished | None:
        """The whole video, where this was the last of it that was missing."""
        from ray.exceptions import ActorDiedError, ActorUnavailableError

        digest, died = part.video.id, 0
        while True:
            try:
                return await self._read(part)
            except (ActorDiedError, ActorUnavailableError):
                died += 1
                if died == ATTEMPTS:
                    raise UsageError(
                        f"the process that computed it ended {ATTEMPTS} times"
                    ) from None
                await asyncio.sleep(1)
                if digest not in self._open:
                    return None

    async def _read(self, part: Part) -> Finished | None:
        digest = part.video.id
        rows = self._replicas.backbone.options(stream=True).extract.remote(part.to_row())
        async for row in rows:
            state, batch = self._open.get(digest), Batch.from_row(row)
            if state is None:
                rows.cancel()
                return None
            self._count(batch.valid)
            state.clips, state.of = min(state.clips + batch.valid, batch.total), batch.total
            if finished := state.assembly.add(batch):
                return finished
        state = self._open.get(digest)
        if state is not None:
            state.left -= 1
            if not state.left:
                raise UsageError("reading gave less than was there when it was opened")
        return None

    async def _keep(self, digest: str, finished: Finished) -> None:
        if finished.error:
            raise UsageError(finished.error)
        record = finished.record | {"versions": self._versions}
        await asyncio.to_thread(
            self._features.save, digest, finished.features, self._origin, record
        )
        if digest not in self._open:  # deleted meanwhile
            self._features.remove(digest)

    async def _assess(self, digest: str) -> None:
        state = self._open.get(digest)
        if state is None:
            return
        scores = await self._replicas.assessor.finish.remote(digest, self._command)
        if self._open.pop(digest, None) is None:
            self._store.remove_files(state.file)  # deleted meanwhile
        else:
            self._store.set_done(digest, scores)

    def _reason(self, error: Exception) -> str:
        """One line for whoever uploaded; what is no fault of the video is told here, in full."""
        cause = getattr(error, "cause", None) or error  # of what was raised in a replica
        if isinstance(cause, (UsageError, AqaError, ExtractorError)):
            return str(cause)
        self.complaints.append(one_line(cause))
        return "the server could not compute it; its own output says why"

    def _fail(self, digest: str, reason: str) -> None:
        state = self._open.pop(digest, None)
        if state is not None:
            self._store.set_state(digest, "failed", nameless(reason, self._store.video(state.file)))

    def _count(self, clips: int) -> None:
        now = time.monotonic()
        self.clips += clips
        if self._recent and now - self._recent[-1][0] > _WINDOW_S / 4:
            self._recent.clear()  # there was nothing to do
        self._recent.append((now, clips))
        while now - self._recent[0][0] > _WINDOW_S:
            self._recent.popleft()


def nameless(text: str, path: Path) -> str:
    """A message about a file of the server without its place: ``{name}`` is for its name."""
    return text.replace(str(path), "{name}").replace(path.name, "{name}")
