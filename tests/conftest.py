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
import torch
from click.testing import Result as CliResult
from quick import SPEC
from typer.testing import CliRunner

from aqa.data.features import FeatureFolder, FeatureOrigin
from aqa.storage.places import RemotePath
from pipeline.extraction.stages.assembly import Assembly, Finished
from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part
from pipeline.extraction.stages.spec import ExtractionSpec
from pipeline.footage.videos import Video

ROOT = Path(__file__).resolve().parent.parent
# Backbones are converted once for all tests, and not into the user's own cache.
os.environ.setdefault("AQA_MODELS_DIR", str(ROOT / ".pytest_cache" / "models"))
S3_LOGIN = "anybody:top/secret"
_BUCKETS = itertools.count(1)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a GPU that torch can use")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """A test that takes it runs on the CPU and, where there is one, on the GPU."""
    return request.param


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Threads cost more than they give on tensors this small; on a busy machine they wait long."""
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


@pytest.fixture
def origin() -> FeatureOrigin:
    return FeatureOrigin("swin3d_mini", "random", "d" * 64, "mini16x112")


@pytest.fixture(scope="session")
def alone() -> Callable[..., Finished]:
    """``alone(path, spec)``: a video through the stages, one after the other, in one thread; the
    spec is by default that of a mini backbone with random weights."""
    extractors: dict[str, FeatureExtractor] = {}

    def finished(path: Path, spec: ExtractionSpec = SPEC) -> Finished:
        key = str(spec)
        if key not in extractors:
            extractors[key] = FeatureExtractor(spec)
        assembly, threads = Assembly(), torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            whole = Part(Video("v", path))
            batches = [extractors[key](batch) for batch in decode_batches(whole, spec)]
        finally:
            torch.set_num_threads(threads)
        (done,) = [found for batch in batches if (found := assembly.add(batch)) is not None]
        return done

    return finished


@pytest.fixture
def own_data(tmp_path: Path, origin: FeatureOrigin) -> tuple[Path, Path]:
    """(feature folder, scores.csv) of 12 videos, 4 of them test, whose scores can be learned."""
    rng = np.random.default_rng(0)
    folder = FeatureFolder(tmp_path / "feats")
    folder.write_origin(origin, {})
    rows = []
    for number in range(12):
        features = rng.normal(size=(5 + number % 3, 8)) + number / 4
        folder.save(f"v{number}", features, origin, {})
        rows.append((f"v{number}", f"{10 + number}", "test" if number % 3 == 0 else "train"))
    labels = tmp_path / "scores.csv"
    labels.write_text("id,score,split\n" + "".join(",".join(row) + "\n" for row in rows))
    return folder.folder, labels


@pytest.fixture
def same_weights() -> Callable[[Path, Path], int]:
    """``same_weights(a, b)`` asserts that every model.pt below ``a`` has the bits of that below
    ``b``, and gives their number."""

    def states(folder: Path) -> dict[Path, dict[str, torch.Tensor]]:
        return {
            path.relative_to(folder): torch.load(path, weights_only=True)["state"]
            for path in folder.rglob("model.pt")
        }

    def compare(one: Path, other: Path) -> int:
        first, second = states(one), states(other)
        assert first.keys() == second.keys()
        for place, state in first.items():
            assert state.keys() == second[place].keys()
            for name, tensor in state.items():
                assert torch.equal(tensor, second[place][name]), f"{place}: {name}"
        return len(first)

    return compare
