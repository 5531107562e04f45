"""Real Ray: allowed here, and here alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest


@pytest.fixture(autouse=True)
def ray_is_refused() -> None:
    """Not here."""


# Every node must be told the same; the tests' cluster is this machine's alone.
CLUSTER_ENVIRONMENT = os.environ | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
_CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster

nodes = json.loads(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args=nodes[0])
for node in nodes[1:]:
    cluster.add_node(wait=False, **node)
cluster.wait_for_nodes(timeout=120)
raylets = [n.all_processes["raylet"][0].process.pid for n in cluster.list_all_nodes()]
print("READY", json.dumps({"address": cluster.address, "raylets": raylets}), flush=True)
input()
cluster.shutdown()
"""


@dataclass(frozen=True)
class RayCluster:
    """``raylets`` are process ids, the head's first; ``root`` is the process that started all."""

    address: str
    raylets: list[int]
    root: int
    environment: dict[str, str]


StartCluster = Callable[..., AbstractContextManager[RayCluster]]


STARTS = 2  # Ray gives a node half a minute to come up, too little on a machine that is very busy


@contextmanager
def _cluster(nodes: list[dict], environment: dict[str, str]) -> Iterator[RayCluster]:
    with tempfile.TemporaryFile("w+") as errors:
        for _ in range(STARTS):
            process = subprocess.Popen(
                [sys.executable, "-c", _CLUSTER, json.dumps(nodes)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            ready = next((line for line in process.stdout if line.startswith("READY")), None)
            if ready:
                break
            process.communicate()
        else:
            errors.seek(0)
            pytest.fail(f"the Ray cluster did not start: {errors.read()}")
        try:
            facts = json.loads(ready.removeprefix("READY"))
            yield RayCluster(**facts, root=process.pid, environment=environment)
        finally:
            process.communicate("\n", timeout=60)


@pytest.fixture(scope="session")
def ray_cluster() -> StartCluster:
    """``with ray_cluster({...}, {...}) as cluster`` has a raylet for each argument (those of ray's
    ``Cluster.add_node``; none: three of one CPU), the head first. ``token``: that it asks for."""

    def start(*nodes: dict, token: str | None = None) -> AbstractContextManager[RayCluster]:
        login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
        return _cluster(list(nodes) or [{"num_cpus": 1}] * 3, CLUSTER_ENVIRONMENT | login)

    return start
