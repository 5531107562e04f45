"""Ray for as long as work needs it: started on this machine, or a cluster that is joined.

Commands open a session in :mod:`pipeline.cluster.driver`'s process, never in their own.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.cluster.driver import RayLostError, driven
from pipeline.errors import UsageError, one_line
from pipeline.workspace import GPUS_PER_WORKER, OBJECT_STORE_GIB, STANDSTILL_S

KNOCK_S = 10.0
# Of a socket's path Linux takes 107 bytes, macOS 103; Ray's own part is 67 of them.
_DEEPEST = 103 - 67


@dataclass(frozen=True)
class RayOptions:
    """Where the work runs (``None``: on this machine) and how wide (``None``: as there is room)."""

    address: str | None = None
    workers: int | None = None  # that compute
    decoders: int | None = None  # that read videos
    gpus_per_worker: float = GPUS_PER_WORKER
    object_store_bytes: int = int(OBJECT_STORE_GIB * 2**30)  # of a Ray that is started here
    standstill_s: float = STANDSTILL_S  # a run that gives nothing for so long is given up

    @property
    def place(self) -> str:
        return self.address or "on this machine"


@contextmanager
def ray_session(options: RayOptions) -> Iterator[Any]:
    """The module ``ray``, started or joined; left again at the end of the block. RayLostError where
    the block fails because of Ray."""
    ray = _start(options)
    try:
        yield ray
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise RayLostError(one_line(error)[:300]) from None
    finally:
        ray.shutdown()


def cluster_gpus(options: RayOptions) -> float:
    """GPUs of the cluster that is joined; UsageError where it is lost meanwhile."""
    try:
        (gpus,) = driven(_gpus, options, limit_s=options.standstill_s)
    except RayLostError as error:
        raise UsageError(f"the Ray cluster at {options.address} was lost: {error}") from None
    return gpus


def _gpus(options: RayOptions) -> Iterator[float]:
    with ray_session(options) as ray:
        yield ray.cluster_resources().get("GPU", 0.0)


def _start(options: RayOptions) -> Any:
    address = options.address
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None and "RAY_AUTH_MODE" not in os.environ and "ray" not in sys.modules:
        # Ray's ports are open to every user of the machine: an embedded one gets a token of its
        # own, and is told so before it is imported, since Ray's default differs between versions.
        # A cluster's mode is whatever the user's environment says.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        # Its metrics would be open to everybody; of a port that cannot be it opens none.
        os.environ |= {"RAY_enable_metrics_collection": "0"} | dict.fromkeys(
            ("AUTOSCALER_METRIC_PORT", "DASHBOARD_METRIC_PORT"), "-1"
        )
    import ray

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    folder = _folder()
    try:
        if address is None:
            ray.init(
                "local",
                include_dashboard=False,
                object_store_memory=options.object_store_bytes,
                _temp_dir=f"{folder}/ray",
                **quiet,
            )
        else:
            _knock(address)
            ray.init(address, **quiet)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        if type(error).__name__ == "AuthenticationError":  # not in older versions of Ray
            reason = "it has another token, or there is none here"
        if address is None:
            raise UsageError(
                f"cannot start Ray on this machine: {reason} ({_room(folder)})"
            ) from None
        mode = os.environ.get("RAY_AUTH_MODE", "not set")
        raise UsageError(
            f"cannot join a Ray cluster at {address}: {reason}; is it up, and are RAY_AUTH_MODE "
            f"(here {mode}) and RAY_AUTH_TOKEN as on its nodes?"
        ) from None
    return ray


def _folder() -> str:
    """Where a Ray of this machine keeps its sockets and logs: $RAY_TMPDIR, or the folder for
    temporary files, unless a job's own is so deep that no socket can have its name there."""
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    deep = len(os.fsencode(os.path.abspath(folder))) > _DEEPEST
    return "/tmp" if deep and os.access("/tmp", os.W_OK) else os.path.abspath(folder)


def _room(folder: str) -> str:
    """What Ray needs of this machine: room for its session and for its objects."""
    free = [
        f"{place}: {shutil.disk_usage(place).free / 2**30:.1f} GiB free"
        for place in (folder, "/dev/shm")
        if os.path.isdir(place)
    ]
    return ", ".join([*free, "--ray-address none works without Ray"])


def _knock(address: str) -> None:
    """OSError at once where nobody listens at ``host:port``, Ray's AuthenticationError where it
    asks for another token. Ray itself would try for minutes, and not name the token."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return
    socket.create_connection((host, int(port)), timeout=KNOCK_S).close()
    if address.startswith("ray://"):
        return
    try:
        from ray._private.authentication import authentication_token_setup as tokens
        from ray._raylet import GcsClient
    except ImportError:  # a version that knows no tokens
        return
    tokens.ensure_token_if_auth_enabled(create_token_if_missing=False)  # or the next line aborts
    GcsClient(address=address)
