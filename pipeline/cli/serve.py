"""``aqa-pipeline serve``: its options, and what they come to."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import (
    Device,
    Engine,
    Quiet,
    Version,
    Weights,
)
from pipeline.cli.scoring import Checkpoints
from pipeline.errors import UsageError
from pipeline.workspace import Console

_NEEDS = ("fastapi", "uvicorn", "prometheus_client", "starlette")


def serve(
    checkpoint: Checkpoints = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; any but this machine's own asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: one that is free.")] = 8000,
    folder: Annotated[
        Path, typer.Option(help="Where uploads, results and their index are kept.")
    ] = Path("serve-data"),
    token: Annotated[
        str | None,
        typer.Option(
            envvar="AQA_TOKEN",
            help="What opens the page on other addresses. Default: made at the first start.",
        ),
    ] = None,
    max_gib: Annotated[float, typer.Option(min=0.001, help="The largest upload.")] = 4,
    max_minutes: Annotated[float, typer.Option(min=0.1, help="The longest video.")] = 30,
    max_queue: Annotated[int, typer.Option(min=1, help="Videos that may wait.")] = 200,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Backbone replicas. Default: one per GPU, or per core."),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(help="Join this Ray cluster. Default: Ray starts on this machine."),
    ] = None,
    weights: Weights = None,
    device: Device = None,
    engine: Engine = None,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """A page to drop videos on, for people who never open a terminal.

    It queues them, shows how far they are, and keeps the reports. For
    programs: POST /v1/score and GET /v1/jobs/ID (the page /docs lists all).
    Ctrl-C ends it; what is queued then goes on at the next start.

    Examples:

      aqa-pipeline serve --checkpoint fisv-tes --checkpoint fisv-pcs

      aqa-pipeline serve --checkpoint model.pt --host 0.0.0.0 --port 80
    """
    from pipeline.cluster import RayOptions
    from pipeline.scoring import pick_checkpoints
    from pipeline.serving import GIB, Limits, ServeOptions
    from pipeline.workspace import RunFolder, load_settings

    if missing := [name for name in _NEEDS if find_spec(name) is None]:
        raise UsageError(f"serve needs {', '.join(missing)}: pip install 'aqa-pipeline[serve]'")
    from pipeline.serving import serve_forever

    settings, console = load_settings(), Console(quiet)
    if ray_address == "none":
        raise UsageError("--ray-address none: serve runs on Ray; leave the option out")
    options = RayOptions(
        address=ray_address,
        workers=workers,
        gpus_per_worker=settings.gpus_per_worker,
        object_store_bytes=int(settings.object_store_gib * GIB),
    )
    serve_forever(
        ServeOptions(
            folder=folder,
            checkpoints=tuple(pick_checkpoints(checkpoint, RunFolder(settings.runs), console)),
            host=host,
            port=port,
            device=device or settings.device,
            ray=options,
            limits=Limits(int(max_gib * GIB), max_minutes * 60, max_queue),
            token=token,
            weights=weights,
            engine=engine or settings.engine,
        ),
        console,
    )
    return 0
