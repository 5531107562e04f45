"""Properties that every model has, whatever its weights."""

import numpy as np
import pytest
import torch

from aqa import AqaError
from aqa.assessment import ModelInfo
from aqa.build import build_model
from aqa.config import ClipModelConfig, PublishedModelConfig
from aqa.layers import attention_consistency, sinusoids

C = 12
SIZES = {"width": 16, "feedforward": 16, "head_widths": (16, 8), "heads": 2}
CLIPS = ClipModelConfig(**SIZES)
LEARNED = PublishedModelConfig(query_count=5, **SIZES)
DRAWN = PublishedModelConfig(query_count=5, query_std=2.0, clip_count=6, **SIZES)
CONFIGS = {"clips": CLIPS, "learned": LEARNED, "drawn": DRAWN}


@pytest.fixture
def model(request):
    torch.manual_seed(0)
    model = build_model(CONFIGS[request.param], C, ModelInfo(score_range=(0.0, 40.0)))
    model.set_feature_statistics(torch.linspace(-1, 1, C), torch.linspace(0.5, 2, C))
    return model.eval()


every = pytest.mark.parametrize("model", CONFIGS, indirect=True)
clips_only = pytest.mark.parametrize("model", ["clips"], indirect=True)


def videos(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=(n, C)).astype(np.float32)) for n in lengths]


def padded(parts, fill=0.0):
    batch = torch.full((len(parts), max(map(len, parts)), C), fill)
    for row, part in zip(batch, parts, strict=True):
        row[: len(part)] = part
    return batch, torch.tensor([len(part) for part in parts])


@every
@torch.no_grad()
def test_the_score_is_the_weighted_sum_of_clip_scores(model):
    output = model(padded(videos(8, 8, 8))[0])
    torch.testing.assert_close(output.clip_weights.sum(1), torch.ones(3))
    torch.testing.assert_close((output.clip_weights * output.clip_scores).sum(1), output.score)
    queries = 8 if model.clips else 5
    assert output.clip_weights.shape == output.clip_scores.shape == (3, queries)
    assert output.decoded.shape == (3, queries, 16)
    assert output.self_attention_outputs.shape == (2, 3, queries, 16)
    assert output.attention_loss.ndim == 0 and output.attention_loss >= 0


@every
@pytest.mark.parametrize("fill", [0.0, 1e6, float("nan")])
@torch.no_grad()
def test_batched_equals_single_and_padding_changes_nothing(model, fill):
    parts = videos(9, 4, 1, 6)
    batch, lengths = padded(parts, fill)
    together = model(batch, lengths=lengths)
    total = 0.0
    for index, part in enumerate(parts):
        alone = model(part[None])
        queries = alone.clip_weights.shape[1]
        for name in ("score", "clip_weights", "clip_scores", "decoded"):
            joint, single = getattr(together, name)[index], getattr(alone, name)[0]
            if single.ndim:
                joint = joint[:queries]
            torch.testing.assert_close(joint, single, rtol=1e-4, atol=1e-5)
        assert float(together.clip_weights[index, queries:].abs().sum()) == 0
        total += float(alone.attention_loss)
    assert float(together.attention_loss) == pytest.approx(total, abs=1e-5)


@clips_only
def test_padding_has_no_gradient_and_gives_none_that_is_not_finite(model):
    batch, lengths = padded(videos(9, 2))
    batch.requires_grad_()
    output = model.train()(batch, lengths=lengths)
    (output.score.sum() + output.attention_loss).backward()
    assert float(batch.grad[1, 2:].abs().sum()) == 0
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@every
def test_assess_gives_the_same_twice_in_score_units(model):
    features = videos(7)[0].numpy()
    first, again = model.assess(features), model.train().assess(features)
    assert model.training  # as it was
    assert first.score == again.score
    np.testing.assert_array_equal(first.clip_weights, again.clip_weights)
    assert first.clip_weights.sum() == pytest.approx(1, abs=1e-12)
    assert first.clip_weights @ first.clip_scores == pytest.approx(first.score, abs=1e-9)
    assert first.aligned == model.clips
    assert len(first.clip_weights) == (7 if model.clips else 5)
    with torch.no_grad():
        score = model.eval()(model.fit_clips(torch.from_numpy(features))[None]).score
    assert first.score == pytest.approx(40 * float(score), rel=1e-5)


@every
def test_assess_leaves_the_random_state_alone(model):
    state = torch.get_rng_state()
    model.assess(videos(7)[0])
    assert torch.equal(torch.get_rng_state(), state)


@clips_only
def test_order_matters_to_the_clip_model(model):
    features = videos(7)[0]
    assert model.assess(features).score != model.assess(features.flip(0)).score


@every
def test_scores_are_not_clipped(model):
    with torch.no_grad():
        model.head.score[-1].bias.add_(3.0)
    assert model.assess(videos(7)[0]).score > 40


@every
def test_wrong_input_is_refused(model):
    for bad, message in [
        (np.zeros((3, C + 1), np.float32), r"\[3, 13\], this model expects .* 12\]"),
        (np.zeros(C, np.float32), r"shape \[12\], expected \[clips, channels\]"),
        (np.zeros((0, C), np.float32), r"shape \[0, 12\]"),
        (np.full((3, C), np.nan, np.float32), "NaN or infinity"),
    ]:
        with pytest.raises(AqaError, match=message):
            model.assess(bad)
    with pytest.raises(AqaError, match="queries"):
        model(torch.zeros(1, 3, C), queries=torch.zeros(1, 4, 7))


def test_a_constant_channel_does_not_blow_up_scores():
    torch.manual_seed(0)
    model = build_model(CLIPS, C).eval()
    std = torch.ones(C)
    std[3] = 0.0
    model.set_feature_statistics(torch.zeros(C), std)
    assert np.isfinite(model.assess(videos(5)[0]).score)


def test_heads_must_divide_the_width():
    with pytest.raises(AqaError, match=r"12 wide, no multiple of model.heads 5"):
        build_model(PublishedModelConfig(heads=5), C)


def test_the_layers_start_as_copies_of_one():
    first, second = build_model(LEARNED, C).decoder.layers
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert one is not other and torch.equal(one, other)


def test_sinusoids_by_hand():
    encoding = sinusoids(3, 4)
    torch.testing.assert_close(encoding[0], torch.tensor([0.0, 1.0, 0.0, 1.0]))
    torch.testing.assert_close(encoding[2, :2], torch.tensor([np.sin(2.0), np.cos(2.0)]).float())
    assert sinusoids(3, 5).shape == (3, 5)


def test_attention_consistency_is_zero_for_equal_maps_and_the_paper_s_divergence():
    torch.manual_seed(0)
    own, crossed = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 4, 8)
    assert float(attention_consistency(own, own).abs().sum()) < 1e-6
    grams = [values @ values.transpose(-1, -2) / 8 for values in (own, crossed)]
    expected = torch.nn.functional.kl_div(
        grams[0].log_softmax(-1), grams[1].softmax(-1), reduction="sum"
    )
    torch.testing.assert_close(attention_consistency(own, crossed).sum(), expected)
