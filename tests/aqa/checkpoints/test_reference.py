"""Numbers of the published implementation, on a small random checkpoint of its format."""

import numpy as np
import pytest
import torch
from torch import nn

import aqa
from aqa import AqaError
from aqa.config import PaperTraining
from aqa.training.paper import paper_optimizer, paper_rate, paper_step

TENSORS = [
    "decoded", "self_attention_outputs", "cross_attention_outputs", "clip_weights", "clip_scores",
    "score",
]  # fmt: skip


@pytest.fixture
def golden(shared):
    return shared / "golden/ilt_aqa"


def compare(output, expected):
    for name in TENSORS:
        found, wanted = getattr(output, name).cpu().numpy(), expected[name]
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max(), name
    assert float(output.attention_loss) == pytest.approx(
        float(expected["attention_loss"]), abs=1e-5
    )


@pytest.mark.parametrize("mode", ["no", "query_pe", "memory_pe", "query_memory_pe"])
@torch.no_grad()
def test_every_position_mode_agrees(golden, mode, device):
    expected = np.load(golden / f"{mode}.npz")
    model = aqa.from_reference(golden / "reference_checkpoint.pth", position_encoding=mode)
    model.to(device)
    features = torch.from_numpy(expected["clip_features"]).to(device)
    compare(model(features), expected)
    compare(model(features, torch.from_numpy(expected["queries"]).to(device)), expected)


@torch.no_grad()
def test_drawn_queries_agree_when_given_and_repeat_when_not(golden):
    expected = np.load(golden / "query_pe_resampled.npz")
    model = aqa.from_reference(golden / "reference_checkpoint.pth", "query_pe", query_std=2.0)
    features = torch.from_numpy(expected["clip_features"])
    compare(model(features, torch.from_numpy(expected["queries"])), expected)
    first, again = model(features), model(features)
    assert torch.equal(first.score, again.score)
    # Fixed draws are the same for all videos, so a video's score is its own.
    torch.testing.assert_close(model(features[1:2]).score, first.score[1:2])
    torch.testing.assert_close((first.clip_weights * first.clip_scores).sum(1), first.score)
    torch.testing.assert_close(first.clip_weights.sum(1), torch.ones(3))


def test_four_published_training_steps_are_reproduced(golden, device):
    expected = np.load(golden / "train_steps.npz")
    model = aqa.from_reference(golden / "train_start.pth").to(device).train()
    for module in model.modules():  # the golden steps were taken without dropout
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    recipe = PaperTraining(learning_rate=1e-3, decay_every_steps=2, prediction_noise=0)
    optimizer = paper_optimizer(model, recipe)
    batches = [torch.from_numpy(expected[name]).to(device) for name in ("clip_features", "labels")]
    for step, batch in enumerate(zip(*batches, strict=True), 1):
        losses = paper_step(model, recipe, optimizer, step, batch)
        wanted = {name: float(expected[name][step - 1]) for name in ("loss", "attention_loss")}
        assert paper_rate(recipe, step) == pytest.approx(expected["learning_rate_used"][step - 1])
        assert float(sum(losses.values())) == pytest.approx(wanted["loss"], abs=1e-5)
        assert float(losses["attention"]) == pytest.approx(wanted["attention_loss"], abs=1e-5)
    with torch.no_grad():
        score = model.eval()(batches[0][0]).score.cpu().numpy()
    np.testing.assert_allclose(score, expected["score_of_first_batch_afterwards"], atol=1e-4)
    np.testing.assert_allclose(
        model.head.score[4].weight.detach().cpu().numpy(),
        expected["head_layer3_mean_weight_afterwards"],
        atol=1e-6,
    )


@pytest.mark.parametrize("clips", [7, 20, 33])
def test_a_video_of_any_length_is_assessed_as_published(golden, clips):
    """Padded with zeros or cut to the 20 queries, without a mask; no score range."""
    model = aqa.from_reference(golden / "reference_checkpoint.pth")
    features = np.random.default_rng(0).normal(size=(clips, 64)).astype(np.float32)
    assessment = model.assess(features)
    fitted = np.zeros((20, 64), np.float32)
    fitted[: min(clips, 20)] = features[6:26] if clips == 33 else features
    with torch.no_grad():
        score = float(model(torch.from_numpy(fitted)[None]).score)
    assert assessment.score == pytest.approx(score, rel=1e-5)
    assert not assessment.aligned and len(assessment.clip_weights) == 20


def save_changed(golden, path, change):
    checkpoint = torch.load(golden / "reference_checkpoint.pth", weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.pop("neck"), "no neck and head"),
        (lambda c: c["neck"].pop("module.query_embed.weight"), "query_embedding' is missing"),
        (
            lambda c: c["head"].pop("module.layer2_mean.bias"),
            "1 tensors missing .head.score.2.bias",
        ),
        (lambda c: c["head"].update(extra=torch.zeros(1)), "1 surplus .head.extra"),
        (lambda c: c["neck"]["module.pos_encoder.pe"].mul_(2), "not the published sinusoidal"),
        (
            lambda c: c["neck"].update({"module.decoder.norm.bias": torch.zeros(3)}),
            r"decoder.norm.bias has shape \[3\], expected \[64\]",
        ),
    ],
)
def test_what_is_no_whole_published_checkpoint_is_refused(golden, tmp_path, change, message):
    path = save_changed(golden, tmp_path / "changed.pth", change)
    with pytest.raises(AqaError, match=f"changed.pth.*{message}"):
        aqa.from_reference(path)


def test_other_files_and_arguments_are_refused(golden, tmp_path):
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(AqaError, match=r"text.pth is no checkpoint"):
        aqa.from_reference(tmp_path / "text.pth")
    with pytest.raises(AqaError, match=r"none.pth: no such checkpoint"):
        aqa.from_reference(tmp_path / "none.pth")
    with pytest.raises(AqaError, match="position_encoding"):
        aqa.from_reference(golden / "reference_checkpoint.pth", position_encoding="sometimes")
    with pytest.raises(AqaError, match=r"no multiple of model.heads 5"):
        aqa.from_reference(golden / "reference_checkpoint.pth", num_heads=5)
