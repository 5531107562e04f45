"""Properties that every model has, whatever its weights."""

import numpy as np
import pytest
import torch

from aqa import AqaError
from aqa.config import HonestTraining
from aqa.data.videos import Videos
from aqa.models import ClipModelConfig, PublishedModelConfig, build_model
from aqa.models.base import ModelInfo
from aqa.models.published.decoder import attention_consistency, sinusoids
from aqa.models.published.model import PublishedModel

C = 12
SIZES = {"width": 16, "feedforward": 16, "head_widths": (16, 8), "heads": 2}
CLIPS = ClipModelConfig(
    members=3, appearance_channels=10, motion_channels=6, waves=40, phases=(1, 3), sharpness=0.5
)
LEARNED = PublishedModelConfig(query_count=5, **SIZES)
DRAWN = PublishedModelConfig(query_count=5, query_std=2.0, clip_count=6, **SIZES)
CONFIGS = {"clips": CLIPS, "learned": LEARNED, "drawn": DRAWN}


@pytest.fixture
def model(request):
    torch.manual_seed(0)
    info = ModelInfo(score_range=(0.0, 40.0), training_videos=20)
    model = build_model(CONFIGS[request.param], C, info)
    known = [part.numpy() for part in videos(*range(4, 24), seed=1)]
    model.remember([torch.from_numpy(part) for part in known])
    model.prepare(Videos(known, np.linspace(0.2, 0.9, 20).tolist(), torch.device("cpu")))
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
    queries = 8 if model.aligned else 5
    assert output.clip_weights.shape == output.clip_scores.shape == (3, queries)
    assert output.decoded.shape == (3, queries, 16)  # 10 + 6 channels of the clip model
    assert output.attention_loss.ndim == 0 and output.attention_loss >= 0
    if not model.aligned:
        assert output.self_attention_outputs.shape == (2, 3, queries, 16)


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


@pytest.mark.parametrize("model", ["learned", "drawn"], indirect=True)
def test_padding_gives_no_gradient_that_is_not_finite(model):
    recipe = HonestTraining()
    inputs = torch.randn(2, 9, C)
    inputs[1, 2:] = 0
    targets = torch.rand(2, 1)
    losses = model.train().training_losses(inputs, torch.tensor([9, 2]), targets, recipe)
    torch.stack(list(losses.values())).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    assert any(p.grad is not None for p in model.parameters())


@clips_only
def test_a_clip_earns_the_same_wherever_it_stands_but_for_its_phase(model):
    """Its points come from itself, the clips within 4 of it and its phase: nothing else."""
    features = videos(60)[0]
    other = features.clone()
    other[40:] = videos(20, seed=9)[0]
    one, changed = model.assess(features).clip_scores, model.assess(other).clip_scores
    np.testing.assert_allclose(one[:36], changed[:36], rtol=1e-5)
    assert (np.abs(one[40:] - changed[40:]) > 1e-4).mean() > 0.9


@every
def test_assess_gives_the_same_twice_in_score_units(model):
    features = videos(7)[0].numpy()
    first, again = model.assess(features), model.train().assess(features)
    assert model.training  # as it was
    assert first.score == again.score
    np.testing.assert_array_equal(first.clip_weights, again.clip_weights)
    assert first.clip_weights.sum() == pytest.approx(1, abs=1e-12)
    assert first.clip_weights @ first.clip_scores == pytest.approx(first.score, abs=1e-9)
    assert first.aligned == model.aligned
    assert len(first.clip_weights) == (7 if model.aligned else 5)
    clips = torch.from_numpy(features)
    with torch.no_grad():
        fitted = clips if model.aligned else model.fit_clips(clips)
        score = model.eval()(fitted[None]).score
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
        (model.start if model.aligned else model.head.score[-1].bias).add_(3.0)
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
    known = [part.numpy() for part in videos(5, 6, 7, 8)]
    for part in known:
        part[:, 3] = 0.5
    model = build_model(CLIPS, C, ModelInfo(training_videos=4)).eval()
    model.prepare(Videos(known, [0.1, 0.3, 0.2, 0.5], torch.device("cpu")))
    assert abs(model.assess(videos(5)[0]).score) < 10


def test_heads_must_divide_the_width():
    with pytest.raises(AqaError, match=r"12 wide, no multiple of model.heads 5"):
        build_model(PublishedModelConfig(heads=5), C)


def test_the_layers_start_as_copies_of_one():
    first, second = build_model(LEARNED, C).decoder.layers
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert one is not other and torch.equal(one, other)


def test_a_training_drops_attention_weights_and_a_scoring_does_not():
    torch.manual_seed(0)
    model = build_model(LEARNED.model_copy(update={"dropout": 0.0}), C).train()
    features = torch.randn(2, 7, C)
    queries, memory = torch.randn(2, 5, 16), model.project(features)
    (_, *first), (_, *second) = (model.decoder(queries, memory) for _ in range(2))
    for outputs, others in zip(first, second, strict=True):  # of self- and of cross-attention
        for one, other in zip(outputs, others, strict=True):
            assert not torch.equal(one, other)
    model.eval()
    assert torch.equal(model(features).score, model(features).score)


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


def test_the_published_model_learns_the_score_that_it_is_trained_for():
    """Of a data set with several scores it has one, and not the first of them."""
    known = [torch.randn(5, 8).numpy() for _ in range(4)]
    both = [[0.9, 0.1], [0.8, 0.3], [0.7, 0.2], [0.6, 0.5]]
    videos = Videos(known, [second for _, second in both], torch.device("cpu"), both)
    model = PublishedModel(PublishedModelConfig(query_count=3, width=8, heads=2), 8)
    assert torch.equal(model.prepare(videos).all_targets, videos.targets[:, None])
