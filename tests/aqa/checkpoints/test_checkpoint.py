import dataclasses
import pickle

import numpy as np
import pytest
import torch

import aqa
from aqa import AqaError
from aqa.checkpoints.checkpoint import check_origin, load_checkpoint, save_checkpoint
from aqa.models import ClipModelConfig, build_model
from aqa.models.base import ModelInfo


@pytest.fixture
def model(origin):
    torch.manual_seed(0)
    config = ClipModelConfig(members=2, waves=32)
    info = ModelInfo(
        score_name="pcs",
        all_scores=("tes", "pcs"),
        score_range=(0.0, 43.0),
        dataset="fisv",
        origin=origin,
        config={"dataset": {"kind": "fisv"}},
        seed=3,
        epochs=7,
        chosen_on="last epoch",
        training_videos=320,
        clip_counts=(124, 302),
        history=({"epoch": 1, "total": 0.5},),
    )
    model = build_model(config, 12, info)
    torch.nn.init.normal_(model.projection.mean)
    return model.eval()


def test_a_checkpoint_carries_all_that_scoring_needs(tmp_path, model):
    path = save_checkpoint(model, tmp_path / "runs/a.pt")
    state = torch.get_rng_state()
    loaded = load_checkpoint(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert loaded.info == model.info and loaded.config == model.config
    assert not loaded.training
    features = np.random.default_rng(0).normal(size=(6, 12))
    assert loaded.assess(features).score == model.assess(features).score
    assert not list(path.parent.glob("*.tmp"))


def test_a_checkpoint_is_plain_data(tmp_path, model):
    content = torch.load(save_checkpoint(model, tmp_path / "a.pt"), weights_only=True)
    assert content["info"]["origin"]["backbone"] == "swin3d_mini"
    assert content["channels"] == 12


def test_a_published_checkpoint_can_be_kept_as_ours(tmp_path, shared):
    golden = shared / "golden/ilt_aqa"
    model = aqa.from_reference(golden / "reference_checkpoint.pth", "memory_pe", query_std=2.0)
    loaded = load_checkpoint(save_checkpoint(model, tmp_path / "a.pt"))
    features = np.load(golden / "memory_pe.npz")["clip_features"][0]
    assert loaded.assess(features).score == model.assess(features).score


class Evil:
    def __reduce__(self):
        return exec, ("open('HACKED', 'w')",)


def test_what_is_no_checkpoint_is_refused(tmp_path, model, shared, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    torch.save({"format": "aqa-checkpoint", "x": Evil()}, tmp_path / "evil2.pt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    torch.save([1], tmp_path / "list.pt")
    whole = save_checkpoint(model, tmp_path / "whole.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    for name in ("text", "empty", "evil", "evil2", "other", "list", "half"):
        with pytest.raises(AqaError, match=f"{name}.pt is no checkpoint") as caught:
            load_checkpoint(f"{name}.pt")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "HACKED").exists()
    with pytest.raises(AqaError, match=r"none.pt: no such checkpoint"):
        load_checkpoint("none.pt")
    with pytest.raises(AqaError, match="is no model: it has no config"):
        load_checkpoint(tmp_path)
    with pytest.raises(AqaError, match=r"use aqa.from_reference"):
        load_checkpoint(shared / "golden/ilt_aqa/reference_checkpoint.pth")


@pytest.mark.parametrize("entry", ["state", "info", "model", "channels"])
def test_a_partial_checkpoint_is_fatal(tmp_path, model, entry):
    content = torch.load(save_checkpoint(model, tmp_path / "a.pt"), weights_only=True)
    if entry == "channels":
        del content[entry]
    else:
        content[entry].popitem()
        content[entry]["surplus"] = 1
    torch.save(content, tmp_path / "b.pt")
    with pytest.raises(AqaError, match=r"b.pt"):
        load_checkpoint(tmp_path / "b.pt")


def test_what_an_older_version_did_not_write_takes_its_default(tmp_path, model):
    content = torch.load(save_checkpoint(model, tmp_path / "a.pt"), weights_only=True)
    for entry in ("calibration", "extra", "version"):
        del content["info"][entry]
    del content["model"]["sharpness"]
    torch.save(content, tmp_path / "b.pt")
    loaded = load_checkpoint(tmp_path / "b.pt")
    assert loaded.info.calibration is None and loaded.info.extra == {}
    assert loaded.config == model.config
    features = np.random.default_rng(0).normal(size=(6, 12))
    assert loaded.assess(features).score == model.assess(features).score


@pytest.mark.parametrize(("part", "words"), [("info", "unknown entries mood"), ("model", "mood")])
def test_what_nobody_knows_is_refused(tmp_path, model, part, words):
    content = torch.load(save_checkpoint(model, tmp_path / "a.pt"), weights_only=True)
    content[part]["mood"] = "good"
    torch.save(content, tmp_path / "b.pt")
    with pytest.raises(AqaError, match=words) as caught:
        load_checkpoint(tmp_path / "b.pt")
    assert "\n" not in str(caught.value)


def test_features_of_another_origin_are_refused_naming_both(model, origin):
    check_origin(model.info, origin)
    check_origin(model.info, None)
    other = dataclasses.replace(origin, protocol="contiguous32")
    with pytest.raises(AqaError) as caught:
        check_origin(model.info, other, "features in x/")
    for word in ("mini16x112", "contiguous32", "swin3d_mini", "features in x/"):
        assert word in str(caught.value)
