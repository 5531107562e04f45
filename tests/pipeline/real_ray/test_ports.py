"""Which ports a Ray of this machine opens, and that none of them does anything without its token.

Ray's own page on token authentication says what it covers; here every listening port of an embedded
Ray is asked, so that a version that covers less is noticed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException

import grpc
import psutil
import pytest

SCRIPT = """
import json, os, sys
from pipeline.cluster.session import RayOptions, ray_session

with ray_session(RayOptions(object_store_bytes=100 * 2**20)) as ray:
    @ray.remote
    class Worker:
        def ready(self):
            return True

    worker = Worker.remote()
    ray.get(worker.ready.remote())
    print(json.dumps(os.environ["RAY_AUTH_TOKEN"]), flush=True)
    sys.stdin.read()
"""
# One or two of each service of Ray that a port may have; without arguments they change nothing.
METHODS = (
    "NodeInfoGcsService/CheckAlive",
    "InternalKVGcsService/InternalKVKeys",
    "JobInfoGcsService/GetAllJobInfo",
    "NodeManagerService/GetSystemConfig",
    "NodeManagerService/GetNodeStats",
    "ObjectManagerService/Pull",
    "CoreWorkerService/GetCoreWorkerStats",
    "CoreWorkerService/NumPendingTasks",
    "ReporterService/ReportOCMetrics",
)
LIMIT_S = 60


@dataclass(frozen=True)
class Port:
    process: str
    host: str
    number: int

    def ask(self, method: str, token: str | None) -> str:
        """The name of gRPC's status, "OK" among them."""
        meta = (("authorization", f"Bearer {token}"),) if token else ()
        with grpc.insecure_channel(f"{self.host}:{self.number}") as channel:
            try:
                channel.unary_unary(f"/ray.rpc.{method}")(b"", timeout=LIMIT_S, metadata=meta)
            except grpc.RpcError as error:
                return error.code().name
        return "OK"

    def get(self) -> int | str:
        """The status of HTTP; another protocol's name of an error."""
        try:
            with urllib.request.urlopen(
                f"http://{self.host}:{self.number}/", timeout=LIMIT_S
            ) as it:
                return it.status
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, HTTPException) as error:
            return type(error).__name__


@dataclass(frozen=True)
class Running:
    token: str
    ports: list[Port]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        token = json.loads(process.stdout.readline())
        yield Running(token, listening(psutil.Process(process.pid)))
    finally:
        process.communicate("", timeout=LIMIT_S)


def listening(root: psutil.Process) -> list[Port]:
    return [
        Port(each.name(), "127.0.0.1" if at.laddr.ip in ("::", "0.0.0.0") else at.laddr.ip,
             at.laddr.port)
        for each in (root, *root.children(recursive=True))
        for at in each.net_connections("inet")
        if at.status == psutil.CONN_LISTEN
    ]  # fmt: skip


def test_no_port_answers_without_the_token(running: Running) -> None:
    names = " ".join(port.process for port in running.ports)
    assert "gcs_server" in names and "raylet" in names and "ray::" in names
    for port in running.ports:
        answers = {method: port.ask(method, None) for method in METHODS}
        assert set(answers.values()) <= {"UNAUTHENTICATED", "UNIMPLEMENTED", "UNAVAILABLE"}, port
        if set(answers.values()) == {"UNAVAILABLE"}:  # HTTP
            assert port.get() in (401, 403), port
        else:
            refused = [method for method in METHODS if answers[method] == "UNAUTHENTICATED"]
            assert refused, port  # or the list above misses a service of Ray's
            assert any(port.ask(method, running.token) == "OK" for method in refused), port


def test_another_token_is_none(running: Running) -> None:
    (gcs,) = (port for port in running.ports if port.process == "gcs_server")
    assert gcs.ask(METHODS[0], running.token) == "OK"
    assert gcs.ask(METHODS[0], "0" * 64) == "UNAUTHENTICATED"
