"""The models that come with the package, and their file format."""

import numpy as np
import pytest

import aqa
from aqa import AqaError, load_checkpoint, load_config, load_dataset
from aqa.checkpoints.shipped import FOLDER, save_compact, shipped_models
from aqa.models.clips.model import ClipModel

NAMES = ["fisv-pcs", "fisv-tes"]


def test_they_are_found_by_name_and_have_a_card():
    shipped = shipped_models()
    assert sorted(shipped) == NAMES
    for name, model in shipped.items():
        assert model.card.is_file() and name in model.card.read_text()
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 8e6


@pytest.mark.parametrize("name", NAMES)
def test_they_score_with_an_interval(name):
    model = load_checkpoint(name)
    info = model.info
    assert f"fisv-{info.score_name}" == name and info.score_range == (0.0, 43.0)
    assert (info.training_videos, info.chosen_on) == (400, "closed form")
    assert info.origin.protocol == "contiguous32" and info.origin.weights == "kinetics600-22k"
    assert sum(value.numel() for value in model.state_dict().values()) < 5e6
    calibration = info.calibration[info.score_name]
    assert 0.87 <= calibration["coverage"] <= 0.93
    features = np.random.default_rng(0).normal(size=(130, 1024)).astype(np.float32)
    assessment = model.assess(features)
    assert len(assessment.clip_weights) == 130 and np.isfinite(assessment.score)
    low, high = model.interval(assessment.score)
    assert high - low == pytest.approx(2 * calibration["half_width"])
    assert model.strangeness(features) > 1.2  # noise is no figure skating


def test_both_scores_come_from_one_model(shared):
    tes, pcs = (load_checkpoint(name) for name in ("fisv-tes", "fisv-pcs"))
    dataset = load_dataset(load_config("fisv-pcs"), shared / "data/fisv")
    features = np.load(dataset.train[0].features_path)
    assert tes.assess(features).score != pcs.assess(features).score
    assert tes.for_score("pcs").assess(features).score == pcs.assess(features).score
    assert pcs.strangeness(features) <= 1.01
    with pytest.raises(AqaError, match="'total': this model has tes, pcs"):
        pcs.for_score("total")


def test_a_compact_file_is_repeatable_and_nearly_exact(small_config, small_dataset, tmp_path):
    model = aqa.train(small_config("fit"), small_dataset)
    assert isinstance(model, ClipModel)
    for name in ("a", "b"):
        save_compact(model, tmp_path / f"{name}.safetensors")
    first = (tmp_path / "a.safetensors").read_bytes()
    assert first == (tmp_path / "b.safetensors").read_bytes()
    loaded = load_checkpoint(tmp_path / "a.safetensors")
    assert loaded.info.history == () and loaded.info.origin == model.info.origin
    for example in small_dataset.test:
        features = np.load(example.features_path)
        assert loaded.assess(features).score == pytest.approx(
            model.assess(features).score, abs=0.03
        )
    (tmp_path / "half.safetensors").write_bytes(first[:100])
    with pytest.raises(AqaError, match=r"half.safetensors is no checkpoint"):
        load_checkpoint(tmp_path / "half.safetensors")
    with pytest.raises(AqaError, match=r"gone.safetensors: no such checkpoint"):
        load_checkpoint(tmp_path / "gone.safetensors")
