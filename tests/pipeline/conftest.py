"""Ray refused; own data whose features decide the score; models compared; damaged footage."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from quick import SPEC

from aqa.data.features import FeatureFolder, FeatureOrigin
from pipeline.extraction.runs import automatic
from pipeline.extraction.stages.assembly import Assembly, Finished
from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.decoding import decode_batches
from pipeline.extraction.stages.part import Part
from pipeline.extraction.stages.spec import ExtractionSpec
from pipeline.footage.videos import Video


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


@pytest.fixture(autouse=True)
def ray_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the folder real_ray no process that a test starts can import Ray: the test fails."""
    folder = Path(__file__).parent / "without_ray"
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """``extract`` works in this process where it is not told where, as on a machine with one CPU:
    for tests whose subject is not Ray."""
    monkeypatch.setattr(automatic, "usable_cpus", lambda: 1)


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


@pytest.fixture
def damaged(routine_video: Callable[..., Path]) -> Path:
    """``in/damaged.mp4``, beside ``whole.mp4`` of 19.2 s: a tenth of it, from its middle on, is
    noise; it opens, and its end is as good as its beginning."""
    data = bytearray(routine_video("whole.mp4", elements=30).read_bytes())
    begin = data.index(b"mdat") + 4
    end = data.index(b"moov") if data.index(b"moov") > begin else len(data)
    spoiled, length = begin + (end - begin) // 2, (end - begin) // 10
    data[spoiled : spoiled + length] = np.random.default_rng(0).bytes(length)
    path = routine_video("in/damaged.mp4", elements=1)
    path.write_bytes(data)
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """``in/frames``, a folder of 50 images, each of another grey."""
    folder = tmp_path / "in/frames"
    folder.mkdir(parents=True)
    for number in range(50):
        grey = np.full((24, 32, 3), 5 * number, np.uint8)
        assert cv2.imwrite(str(folder / f"{number:05d}.png"), grey)
    return folder


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The machine's folder for temporary files, empty; Ray's sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="aqa") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)
