"""The server's process: Ray's driver and the web in one, started again when Ray dies.

What is kept lies in the folder; so whatever ends here (a replica, Ray, this process, the command)
costs the work of one moment.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from aqa.checkpoints import is_hub_name, shipped_models
from aqa.data import FeatureOrigin
from pipeline.cluster import RayLostError, choose_device, driven, ray_session
from pipeline.errors import UsageError, one_line
from pipeline.extraction import ExtractionSpec, feature_origin, made_by, settled
from pipeline.scoring import Extraction, Scorer, spec_like
from pipeline.serving.guard import Guard
from pipeline.serving.options import LOOPBACK, ServeOptions
from pipeline.serving.replicas import deploy, remove
from pipeline.serving.store import Store
from pipeline.serving.uploads import Uploads
from pipeline.serving.web import build_app
from pipeline.serving.work import Work
from pipeline.workspace import Console, counted

_BEAT_S = 1.0
_SILENT_S = 60.0
_AGAIN_S = 3.0
_FRUITLESS = 5


def serve_forever(options: ServeOptions, console: Console) -> None:
    """Until it is interrupted. UsageError where it cannot start."""
    options = replace(options, folder=options.folder.absolute(), token=_token(options))
    _require_free(options)
    fruitless, joined = 0, False
    try:
        while True:
            began = time.monotonic()
            try:
                for line in driven(_serve, options, limit_s=_SILENT_S):
                    joined = joined or line.startswith("http")
                    if line:
                        console.result(line)
                return
            except RayLostError as error:
                fruitless = fruitless + 1 if time.monotonic() - began < _SILENT_S else 1
                if fruitless == _FRUITLESS:
                    raise UsageError(f"the server ended {fruitless} times: {error}") from None
                console.warn(f"the server broke off ({error}); it starts again")
                time.sleep(_AGAIN_S)
    finally:
        if options.ray.address and joined:
            _leave(options, console)


def _serve(options: ServeOptions) -> Iterator[str]:
    """Lines to show; empty ones while all is well."""
    store = Store(options.folder)
    scorer = Scorer(options.checkpoints, Extraction("cpu", store.features), Console(quiet=True))
    if again := store.bind(_models(options)):
        yield f"other models than before: {counted(again, 'video')} scored again"
    yield "starting Ray ..."
    with ray_session(options.ray) as ray:
        notes: list[str] = []
        spec, origin = _spec(scorer, options, _device(ray, options), notes.append)
        yield from notes
        replicas = deploy(ray, _app_name(options), options, spec)
        work = Work(store, replicas, origin, made_by(spec), _command(options))
        uploads = Uploads(store, options.limits, spec.protocol)
        app = build_app(store, work, uploads, options.limits)
        requests_s = None if options.host in LOOPBACK else options.limits.requests_s
        app.state.guard = Guard(app, token=options.token, requests_s=requests_s)
        listening = socket.create_server(
            (options.host, options.port),
            family=socket.AF_INET6 if ":" in options.host else socket.AF_INET,
        )
        config = uvicorn.Config(
            app.state.guard, log_level="critical", access_log=False, server_header=False
        )
        thread = threading.Thread(
            target=uvicorn.Server(config).run, args=([listening],), daemon=True
        )
        thread.start()
        many = counted(replicas.backbones, "backbone replica")
        yield f"{_address(options, listening)}  ({many}; kept in {options.folder})"
        while thread.is_alive():
            thread.join(_BEAT_S)
            if (task := getattr(app.state, "work", None)) is not None and task.done():
                raise RayLostError(f"the queue broke off: {one_line(task.exception())}")
            while work.complaints:
                yield f"error: {work.complaints.popleft()}"
            yield ""
    raise RayLostError("the web server ended")


def _device(ray: Any, options: ServeOptions) -> str:
    """Of the cluster that is joined, else of this machine."""
    if options.ray.address is None:
        return choose_device(options.device)
    gpus = ray.cluster_resources().get("GPU", 0)
    if options.device == "cuda" and not gpus:
        raise UsageError(f"--device cuda, but {options.ray.address} has no GPU: use --device cpu")
    return "cuda" if gpus and options.device != "cpu" else "cpu"


def _spec(
    scorer: Scorer, options: ServeOptions, device: str, tell: Callable[[str], None]
) -> tuple[ExtractionSpec, FeatureOrigin]:
    """What every replica computes, and what binds its features to the checkpoints."""
    checkpoint, model = scorer.first
    spec = spec_like(
        model.info.origin,
        checkpoint,
        backbone=None,
        weights=options.weights,
        device=device,
        engine=options.engine,
    )
    origin = feature_origin(spec)
    return settled(spec, tell, origin.weights_digest), origin


def _leave(options: ServeOptions, console: Console) -> None:
    """Takes the replicas off a cluster that goes on."""
    try:
        list(driven(_remove, options, limit_s=_SILENT_S))
    except (RayLostError, UsageError) as error:
        console.warn(f"replicas may be left on {options.ray.address}: {error}")


def _remove(options: ServeOptions) -> Iterator[None]:
    with ray_session(options.ray):
        remove(_app_name(options))
    yield


def _app_name(options: ServeOptions) -> str:
    """Of each folder its own: a server that comes again finds its replicas."""
    return "aqa-" + hashlib.sha256(str(options.folder).encode()).hexdigest()[:10]


def _models(options: ServeOptions) -> str:
    """By content; of one of the hub by its name."""
    found = [f"weights {options.weights}"] if options.weights else []
    for path in options.checkpoints:
        digest = hashlib.sha256()
        for file in _files_of(path):
            digest.update(file.read_bytes())
        found.append(f"{path if is_hub_name(str(path)) else path.name} {digest.hexdigest()}")
    return "; ".join(found)


def _files_of(checkpoint: Path) -> list[Path]:
    if checkpoint.is_dir():
        return sorted(path for path in checkpoint.iterdir() if path.is_file())
    if checkpoint.is_file():
        return [checkpoint]
    shipped = shipped_models().get(str(checkpoint))
    return [] if shipped is None else [shipped.path]


def _command(options: ServeOptions) -> str:
    """What ``score`` needs beside the video, to repeat it."""
    given = [part for path in options.checkpoints for part in ("--checkpoint", path.name)]
    return shlex.join([*given, "--report", "report.html"])


def _address(options: ServeOptions, listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # every address: one by which others may find it
        host = socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    token = f"?token={options.token}" if options.token else ""
    return f"http://{host}:{port}/{token}"


def _token(options: ServeOptions) -> str | None:
    """None on loopback; else the one that is given, or that this folder has from its first start
    on."""
    if options.token or options.host in LOOPBACK:
        return options.token
    path = options.folder / "token"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text().strip()


def _require_free(options: ServeOptions) -> None:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        socket.create_server((options.host, options.port), family=family).close()
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else error
        raise UsageError(
            f"cannot listen at {options.host}:{options.port}: {reason}; choose --host or --port"
        ) from None
