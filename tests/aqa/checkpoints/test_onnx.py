"""Models as ONNX: the same scores in onnxruntime, at any length that the kind takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from aqa import load_checkpoint, load_config, load_dataset, train
from aqa.checkpoints import export_onnx, onnx
from aqa.errors import AqaError
from aqa.models import ScoringModel

WORST = 1e-3  # points


def session(model: ScoringModel, path: Path) -> onnxruntime.InferenceSession:
    export_onnx(model, path)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def compare(model: ScoringModel, ort: onnxruntime.InferenceSession, clips: np.ndarray) -> None:
    score, weights, scores = ort.run(None, {"clips": clips.astype(np.float32)})
    ours = model.assess(clips, explain=False)
    assert abs(float(score) - ours.score) < WORST
    assert float((weights * scores).sum()) == pytest.approx(float(score), abs=WORST)
    np.testing.assert_allclose(weights, ours.clip_weights, atol=1e-5)
    np.testing.assert_allclose(scores, ours.clip_scores, atol=WORST)


@pytest.fixture(scope="module")
def fisv(tmp_path_factory: pytest.TempPathFactory) -> onnxruntime.InferenceSession:
    return session(load_checkpoint("fisv-tes"), tmp_path_factory.mktemp("onnx") / "tes.onnx")


def test_the_shipped_model_on_real_routines(
    fisv: onnxruntime.InferenceSession, shared: Path
) -> None:
    folder, model = shared / "data/fisv/swintx_avg_fps25_clip32", load_checkpoint("fisv-tes")
    paths = sorted(folder.glob("*.npy"))[:50]
    assert len(paths) == 50
    for path in paths:
        compare(model, fisv, np.load(path))


def test_short_and_long(fisv: onnxruntime.InferenceSession) -> None:
    model, random = load_checkpoint("fisv-tes"), np.random.default_rng(0)
    for count in (4, 7, 500):
        compare(model, fisv, random.normal(size=(count, 1024)).astype(np.float32))


@pytest.mark.parametrize(
    "settings",
    [
        ["model.kind=ridge"],
        ["model.kind=kernel-ridge"],
        ["model.kind=published", "model.width=16", "model.feedforward=16", "model.heads=2",
         "model.head_widths=[16, 8]", "model.query_count=6", "training.epochs=1",
         "model.clip_count=9", "model.query_std=2"],
    ],
)  # fmt: skip
def test_other_kinds(
    own_data: Callable[..., tuple[Path, Path]],
    tmp_path: Path,
    settings: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aqa.models.published.model.QUERY_DRAWS", 2)  # sixteen take a minute
    features, labels = own_data()
    config = load_config("own", settings)
    dataset = load_dataset(config, features=features, labels=labels)
    model = train(config, dataset, seed=0)
    ort, random = session(model, tmp_path / "m.onnx"), np.random.default_rng(0)
    fixed = getattr(model.config, "clip_count", None)
    for count in (fixed,) if fixed else (12, 31, 100):
        compare(model, ort, random.normal(size=(count, model.channels)).astype(np.float32))


def test_a_kind_without_a_form_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(onnx._GRAPHS, "clips")
    with pytest.raises(AqaError, match="a model of kind 'clips' has no ONNX form"):
        export_onnx(load_checkpoint("fisv-tes"), tmp_path / "m.onnx")
