"""What the reading process does: opens sources and sends their clips, one job after another."""

from __future__ import annotations

import os
import pickle
import time
from typing import BinaryIO

from extractors.clips import messages
from extractors.clips.messages import HEAD, SECONDS, Opened, OpenJob, ReadJob, Takeover
from extractors.clips.source import Source, open_source
from extractors.errors import ExtractorError, UnforeseenError

_TELL_EVERY_S = 0.1


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Until ``jobs`` ends or nobody takes the answers any more."""
    reply = _Reply(answers)
    try:
        reply.send(messages.ALIVE)
        while head := jobs.read(HEAD.size):
            _do(pickle.loads(jobs.read(HEAD.unpack(head)[1])), reply)
    except BrokenPipeError:
        return


def _do(job: OpenJob | ReadJob, reply: _Reply) -> None:
    try:
        os.chdir(job.folder)
        if isinstance(job, OpenJob):
            source = open_source(job, reply.gets_on)
            opened = Opened(source.info, pickle.dumps(source), source.divisible)
            reply.send(messages.OPENED, pickle.dumps(opened))
        else:
            _read(job, reply)
    except BrokenPipeError:
        raise
    except ExtractorError as error:
        reply.send(messages.ERROR, pickle.dumps(error))
    except Exception as error:  # whatever a library raises ends this job, not the process
        text = f"{type(error).__name__}: {error}"
        reply.send(messages.ERROR, pickle.dumps(UnforeseenError(text)))


def _read(job: ReadJob, reply: _Reply) -> None:
    def take_over(reader: str, note: str) -> None:
        reader = "decord+pyav" if job.first else reader  # decord gave those before
        reply.send(messages.TAKEOVER, pickle.dumps(Takeover(reader, note)))

    def remark(line: str) -> None:
        reply.send(messages.REMARK, line.encode())

    source: Source = pickle.loads(job.source)
    part = source.part(job.first, job.stop)
    began = time.perf_counter()
    for clip in part.clips(job.decord_limit_s, take_over, remark, reply.gets_on):
        # Without the waiting until the parent takes it: how busy reading is.
        reply.send(messages.SPENT, SECONDS.pack(time.perf_counter() - began))
        reply.send(messages.CLIP, memoryview(clip).cast("B"))
        began = time.perf_counter()
    reply.send(messages.DONE)


class _Reply:
    def __init__(self, answers: BinaryIO) -> None:
        """``answers`` is not buffered."""
        self._answers = answers
        self._told = time.monotonic()

    def send(self, kind: bytes, body: bytes | memoryview = b"") -> None:
        for part in (HEAD.pack(kind, len(body)), body):
            view = memoryview(part)
            while view:
                view = view[self._answers.write(view) :]
        self._told = time.monotonic()

    def gets_on(self) -> None:
        """Reading got on: tells so, but not more often than the parent needs to know."""
        if time.monotonic() - self._told > _TELL_EVERY_S:
            self.send(messages.ALIVE)
