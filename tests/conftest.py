"""Fixtures for all tests: reference data, small real videos, the command line in this process."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from click.testing import Result as CliResult
from typer.testing import CliRunner

from aqa.storage.places import RemotePath

ROOT = Path(__file__).resolve().parent.parent
# Backbones are converted once for all tests, and not into the user's own cache.
os.environ.setdefault("AQA_MODELS_DIR", str(ROOT / ".pytest_cache" / "models"))
S3_LOGIN = "anybody:top/secret"
_BUCKETS = itertools.count(1)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a GPU that torch can use")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """A test that takes it runs on the CPU and, where there is one, on the GPU."""
    return request.param


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Threads cost more than they give on tensors this small; on a busy machine they wait long."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data: ``$AQA_SHARED``, else ``../shared``; skips without it."""
    folder = Path(os.environ.get("AQA_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"no reference data at {folder} (set AQA_SHARED)")
    return folder


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CliResult]:
    """``cli("score", "x.mp4")`` runs a command in an empty working directory, ``tmp_path``."""
    from pipeline.cli.commands import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATASET_ROOT", raising=False)

    def run(*arguments: object) -> CliResult:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="session")
def routines(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], Path]:
    """``routines(elements, seed)``: a drawn routine as an H.264 file, encoded once; not to be
    changed."""
    from pipeline.demo.drawn import random_routine, write_video

    folder = tmp_path_factory.mktemp("routines")

    def encoded(elements: int, seed: int) -> Path:
        path = folder / f"{elements}-{seed}.mp4"
        if not path.exists():
            rng = np.random.default_rng(seed)
            write_video(path, random_routine(rng, elements), rng)
        return path

    return encoded


@pytest.fixture
def routine_video(routines: Callable[[int, int], Path], tmp_path: Path) -> Callable[..., Path]:
    """``routine_video("a.mp4", elements=3)`` gives a real H.264 file of a drawn routine."""

    def make(name: str, elements: int = 3, seed: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(routines(elements, seed), path))

    return make


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of an S3 server in this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def bucket(s3_port: int) -> RemotePath:
    """A new bucket, its address with login and server."""
    login = quote(S3_LOGIN, safe=":")
    options = f"endpoint_override=127.0.0.1%3A{s3_port}&scheme=http&allow_bucket_creation=true"
    place = RemotePath.parse(f"s3://{login}@bucket-{next(_BUCKETS)}?{options}")
    place._system.create_dir(place.host)
    return place


@pytest.fixture
def s3_environment(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Server and login where a plain ``s3://bucket/key`` finds them."""
    key_id, _, secret = S3_LOGIN.partition(":")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
