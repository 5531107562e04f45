"""What the commands share: options, one-line errors, reading of option values."""

from __future__ import annotations

import functools
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aqa.errors import AqaError
from extractors.errors import ExtractorError
from pipeline import __version__
from pipeline.errors import UsageError
from pipeline.workspace import Console

if TYPE_CHECKING:
    from pipeline.cluster import RayOptions
    from pipeline.workspace import Settings

INTERRUPTED, TERMINATED = 130, 143


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aqa-pipeline {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only results and errors.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, nothing else.")]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="Where the data sets lie. Default: data_root of aqa.yaml, or $DATASET_ROOT."),
]
Stream = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Number of the video stream to take. Default: the one that a person would watch.",
    ),
]
Device = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda. auto: cuda where there is a GPU.")
]
Engine = Annotated[
    str | None,
    typer.Option(
        help="What computes the backbone: auto, openvino or torch. auto: openvino on a CPU, where "
        "it is three times as quick, else torch."
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        help="swin3d_t, swin3d_s, swin3d_b, swin3d_mini, or timm:NAME (an image model). Default: "
        "that of aqa.yaml, or swin3d_b; to score, the checkpoint's."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="A weights name (kinetics600-22k, KINETICS400_V1, ...), a file, or random. Default: "
        "those of aqa.yaml, or kinetics600-22k; to score, the checkpoint's."
    ),
]
FrameRate = Annotated[
    float, typer.Option(help="Frames per second of folders of frames; videos have their own.")
]
NO_RAY = "none"
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="Join this Ray cluster; none: no Ray, all in this process. Default: Ray starts on "
        "this machine, but for one video or training, and for videos on one CPU without a GPU."
    ),
]


def guarded(command: Callable[..., int | None], *, resumes: bool = True) -> Callable[..., None]:
    """A user's mistake becomes one line and status 2; an interruption says how to go on."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        _show_any_name()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _terminated)
        try:
            _require_working_folder()
            status = command(*args, **kwargs)
        except (UsageError, AqaError, ExtractorError) as error:
            Console().error(" ".join(str(error).split()))
            raise typer.Exit(2) from None
        except OSError as error:
            # A disk that fills up or goes away is no bug of ours; anything without a file may be.
            if error.filename is None:
                raise
            Console().error(f"{error.filename}: {error.strerror}")
            raise typer.Exit(2) from None
        except KeyboardInterrupt as error:
            what, status = "interrupted", INTERRUPTED
            if isinstance(error, Terminated):
                what, status = "terminated", TERMINATED
            how = "what is finished is kept, the same command does the rest"
            Console().error(f"{what}; {how if resumes else 'the same command begins anew'}")
            raise typer.Exit(status) from None
        raise typer.Exit(status or 0)

    return run


class Terminated(KeyboardInterrupt):
    """SIGTERM, which schedulers send: it ends a command as Ctrl-C does."""


def _terminated(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise Terminated


def _require_working_folder() -> None:
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UsageError("the working directory is gone: change to one that is there") from None


def _show_any_name() -> None:
    """A file's name that is not UTF-8 is shown with escapes; it must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def chosen_device(
    option: str | None, settings: Settings, ray_options: RayOptions | None = None
) -> str:
    """The device that the work has: of the cluster that is joined, else of this machine."""
    from pipeline.cluster import choose_cluster_device, choose_device

    name = option or settings.device
    if ray_options is not None and ray_options.address:
        return choose_cluster_device(name, ray_options)
    return choose_device(name)


def integers(option: str, text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} {text}: expected whole numbers with commas, as 0,1,2") from None
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"{option} {text}: the same number twice")
    return numbers
