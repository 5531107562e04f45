"""What a server answers: the page, and the same for programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel

from pipeline import __version__
from pipeline.errors import UsageError
from pipeline.serving.metrics import metrics_text
from pipeline.serving.options import Limits
from pipeline.serving.pages import beside, interface_page, list_page, report_page
from pipeline.serving.stills import write_pictures, write_thumbnails
from pipeline.serving.store import Job, Store
from pipeline.serving.uploads import RefusedError, Uploads, clean_name, too_large
from pipeline.serving.work import Work

_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm",
    ".mkv": "video/x-matroska", ".avi": "video/x-msvideo",
}  # fmt: skip
_PAGE = 100


class Progress(BaseModel):
    """Clips that are done, of all of the video."""

    clips: int
    of: int


class JobState(BaseModel):
    """One video that was asked for.

    position      of those that wait or run, from 1.
    seconds_left  as it looks from what was done lately.
    results       as ``aqa-pipeline score --json`` gives them, once it is done.
    """

    id: str
    name: str
    created: str
    state: Literal["queued", "running", "done", "failed"]
    error: str | None = None
    seconds: float
    position: int | None = None
    progress: Progress | None = None
    seconds_left: float | None = None
    scores: dict[str, float] | None = None
    results: list[dict[str, Any]] | None = None


class Jobs(BaseModel):
    """The latest first. ``more``: there are others after these."""

    jobs: list[JobState]
    more: bool


def build_app(store: Store, work: Work, uploads: Uploads, limits: Limits) -> FastAPI:
    """The application, without what guards it."""

    @asynccontextmanager
    async def working(_: FastAPI) -> AsyncIterator[None]:
        app.state.work = task = asyncio.create_task(work.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app = FastAPI(
        title="aqa-pipeline", version=__version__, lifespan=working, docs_url=None, redoc_url=None,
        description="Videos to scores that say where the points were won and lost.",
    )  # fmt: skip
    states = _States(store, work)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return _shown(*list_page(limits.upload_bytes))

    @app.get("/docs", include_in_schema=False)
    async def interface() -> Response:
        return _shown(*interface_page(app.openapi()))

    @app.post(
        "/v1/score",
        status_code=202,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"video/*": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def score(request: Request, name: str, response: Response) -> JobState:
        """Takes a video, the body of the request:
        `curl --data-binary @video.mp4 'http://127.0.0.1:8000/v1/score?name=video.mp4'`. The answer
        names the job."""
        name = clean_name(name)
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise RefusedError(415, "no form: send the video itself, as curl --data-binary does")
        told = request.headers.get("content-length", "0")
        if told.isdecimal() and int(told) > limits.upload_bytes:
            raise too_large(name, limits.upload_bytes)
        if len(store.unfinished()) >= limits.queued:
            raise RefusedError(429, f"{limits.queued} videos wait already: try again later")
        received = await uploads.receive(name, request.stream())
        file = store.file(received.digest)
        if file is None or file.state == "failed":
            seconds, clips = await uploads.look(received, name)
            suffix = PurePosixPath(name).suffix.lower()
            store.add_file(
                received.path, received.digest, suffix, seconds=seconds, clips=clips
            )  # fmt: skip
            work.news()
        else:
            received.path.unlink(missing_ok=True)
        job = store.add_job(received.digest, name)
        response.headers["location"] = f"/v1/jobs/{job.id}"
        return states.of(job)

    @app.get("/v1/jobs")
    async def jobs(
        search: Annotated[str, Query(max_length=200)] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Jobs:
        """A hundred at a time, without their clips."""
        found = store.jobs(search, _PAGE + 1, offset)
        return Jobs(jobs=states.each(found[:_PAGE]), more=len(found) > _PAGE)

    @app.get("/v1/jobs/{job_id}")
    async def job(job_id: str) -> JobState:
        """How far it is, and what came out."""
        return states.of(known(job_id), in_full=True)

    @app.delete("/v1/jobs/{job_id}", status_code=204)
    async def delete(job_id: str) -> None:
        """The job, and the video with what was made of it where nobody else asked for it."""
        found = known(job_id)
        if store.delete(found):
            work.drop(found.file.digest)

    @app.get("/v1/jobs/{job_id}/results.json")
    async def results(job_id: str) -> Response:
        """The document of `score --json`, as a file."""
        found = done(job_id)
        document = {"results": states.results(found)}
        named = _named(f"{PurePosixPath(found.name).stem}.json")
        return Response(json.dumps(document, indent=2), 200, named, "application/json")

    @app.get("/v1/jobs/{job_id}/report", response_class=HTMLResponse)
    async def report(job_id: str, download: bool = False) -> Response:
        """The report; to keep it, it looks for the video beside it."""
        found = done(job_id)
        document = states.content(found)["document"]
        document["routines"][0]["pictures"] = await pictures(found)
        source = beside(found.name) if download else "video"
        html, policy = report_page(document, [found.name], [source])
        answer = _shown(html, policy)
        if download:
            answer.headers.update(_named(f"{PurePosixPath(found.name).stem}.html"))
        return answer

    @app.get("/v1/jobs/{job_id}/video")
    async def video(job_id: str) -> Response:
        """As it was uploaded; parts of it by Range."""
        file = known(job_id).file
        kind = _TYPES.get(file.suffix, "application/octet-stream")
        headers = {"content-security-policy": "sandbox; default-src 'none'"}
        return FileResponse(store.video(file), media_type=kind, headers=headers)

    @app.get("/v1/jobs/{job_id}/thumbnails.zip")
    async def thumbnails(job_id: str) -> Response:
        """A picture of each clip."""
        found = done(job_id)
        path = store.thumbnails(found.file.digest)
        if not path.exists():
            clips = states.results(found)[0]["clips"]
            times = [(clip["start_s"] + clip["end_s"]) / 2 for clip in clips]
            try:
                await asyncio.to_thread(write_thumbnails, path, store.video(found.file), times)
            except UsageError as error:
                raise HTTPException(500, states.named(str(error), found)) from None
        headers = _named(f"{PurePosixPath(found.name).stem}-clips.zip")
        return FileResponse(path, media_type="application/zip", headers=headers)

    @app.get("/v1/compare", response_class=HTMLResponse)
    async def compare(
        first: str, second: str, align: Literal["time", "phase"] = "phase"
    ) -> Response:
        """Two jobs side by side: the second against the first."""
        pair = [done(first), done(second)]
        if pair[0].file.digest == pair[1].file.digest:
            raise HTTPException(409, "the same video twice")
        names = [each.name for each in pair]
        if names[0] == names[1]:
            names[1] += " (2)"
        digests = [each.file.digest for each in pair]
        document = await work.compare(dict(zip(digests, names, strict=True)), align)
        return _shown(*report_page(document, names, [f"jobs/{each.id}/video" for each in pair]))

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        """Whether the queue is being worked on."""
        if app.state.work.done():
            raise HTTPException(503, "the queue stands still")
        return {"status": "ok", "version": __version__}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> str:
        """For Prometheus."""
        return metrics_text(store, work, uploads, request.app.state.guard.counts)

    async def pictures(found: Job) -> dict[str, str]:
        """None where the video gives none: the report does without."""
        path = store.pictures(found.file.digest)
        if not path.exists():
            times = states.content(found)["moments"]
            with suppress(UsageError):
                await asyncio.to_thread(write_pictures, path, store.video(found.file), times)
        return json.loads(path.read_text()) if path.exists() else {}

    def known(job_id: str) -> Job:
        found = store.job(job_id)
        if found is None:
            raise HTTPException(404, "no such job")
        return found

    def done(job_id: str) -> Job:
        found = known(job_id)
        if found.file.state != "done":
            raise HTTPException(409, f"{found.name}: {found.file.state}, not done")
        return found

    return app


class _States:
    """Jobs as they are told."""

    def __init__(self, store: Store, work: Work) -> None:
        self._store, self._work = store, work

    def of(self, job: Job, in_full: bool = False) -> JobState:
        (state,) = self.each([job])
        if in_full and job.file.state == "done":
            state.results = self.results(job)
        return state

    def each(self, jobs: list[Job]) -> list[JobState]:
        unfinished = self._store.unfinished()
        places = {file.digest: number for number, file in enumerate(unfinished, 1)}
        found = []
        for job in jobs:
            file = job.file
            state = JobState(
                id=job.id,
                name=job.name,
                created=datetime.fromtimestamp(job.created_at, UTC).isoformat(timespec="seconds"),
                state=file.state,
                seconds=file.seconds,
                error=self.named(file.error, job) if file.error else None,
            )
            if file.digest in places:
                state.position = places[file.digest]
                state.seconds_left = self._work.seconds_left(file.digest, unfinished)
                if progress := self._work.progress(file.digest):
                    state.progress = Progress(clips=progress[0], of=progress[1])
            if file.state == "done":
                state.scores = json.loads(file.scores)
            found.append(state)
        return found

    def results(self, job: Job) -> list[dict[str, Any]]:
        return [result | {"video": job.name} for result in self.content(job)["results"]]

    def content(self, job: Job) -> dict[str, Any]:
        return json.loads(self._store.result(job.file.digest).read_text("utf-8"))

    def named(self, text: str, job: Job) -> str:
        return text.replace("{name}", job.name)


def _shown(html: str, policy: str) -> Response:
    return HTMLResponse(
        html.encode("utf-8", "backslashreplace"), headers={"content-security-policy": policy}
    )


def _named(name: str) -> dict[str, str]:
    """A file to keep, under a name that may have any letters."""
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
