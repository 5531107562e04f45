"""Contributions add up, true ones pass the measures, and what knows nothing is at chance."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from aqa import AqaError, load_config
from aqa.data.grid import Grid
from aqa.data.videos import Videos
from aqa.faithfulness import at_random, measure, of_model, rank_agreement
from aqa.faithfulness.blocks import Agreement
from aqa.models import ModelInfo, ScoringModel, build_model

CHANNELS = 16
KINDS = {
    "clips": {"waves": 512, "members": 4, "phases": [1, 3], "sharpness": 0.5},
    "published": {"width": 16, "feedforward": 16, "head_widths": [16, 8], "heads": 2,
                  "query_count": 5},
    "kernel-ridge": {},
    "ridge": {},
}  # fmt: skip


def routines(count: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Clips whose first two channels say how good they are; the score is the mean of that."""
    random = np.random.default_rng(seed)
    videos, scores = [], []
    for _ in range(count):
        clips = random.normal(size=(int(random.integers(50, 70)), CHANNELS))
        level = random.normal(0, 0.5)
        worth = level + np.repeat(random.normal(size=30), 3)[: len(clips)]
        clips[:, :2] = 2 * worth[:, None] + 0.3 * clips[:, :2]
        videos.append(clips.astype(np.float32))
        scores.append(worth.mean())
    scores = np.array(scores)
    return videos, 20 + 10 * (scores - scores.min()) / np.ptp(scores)


def trained(kind: str, labels: np.ndarray, videos: list[np.ndarray]) -> ScoringModel:
    overrides = [f"model.kind={kind}", *(f"model.{k}={v}" for k, v in KINDS[kind].items())]
    config = load_config("own", overrides)
    torch.manual_seed(0)
    info = ModelInfo(score_range=(20.0, 30.0), training_videos=len(videos))
    model = build_model(config.model, CHANNELS, info).eval()
    data = Videos(videos, ((labels - 20) / 10).tolist(), torch.device("cpu"))
    model.remember(data.per_video())
    model.prepare(data)
    return model


@pytest.fixture(scope="module")
def data() -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray], np.ndarray]:
    videos, labels = routines(100)
    return videos[:80], labels[:80], videos[80:], labels[80:]


@pytest.fixture(scope="module")
def model(data) -> ScoringModel:
    return trained("clips", data[1], data[0])


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_add_up_whatever_the_video(data, kind: str) -> None:
    model, random = trained(kind, data[1], data[0]), np.random.default_rng(1)
    for features in (
        data[2][0],
        data[2][0][:1],
        data[2][0][:2],
        np.zeros((40, CHANNELS), np.float32),
        np.concatenate([data[2][0]] * 3),
        random.normal(size=(30, CHANNELS)).astype(np.float32) * 5,
    ):
        found = model.assess(features)
        explained = found.explanation
        assert len(explained.points) == len(features)
        assert explained.points.sum() == pytest.approx(found.score - explained.baseline, abs=1e-6)
        assert np.isfinite(explained.points).all() and explained.remainder >= 0
        usual = model.average.at_length(len(features)).numpy()
        assert model.score_of(usual) == pytest.approx(explained.baseline, abs=1e-9)
        assert model.assess(features, explain=False).contributions is None
        assert found.contributions is explained.points and found.baseline == explained.baseline
        assert found.phases.shape == (4,)
        assert found.phases.sum() == pytest.approx(explained.points.sum(), abs=1e-9)


@pytest.mark.parametrize("kind", ["clips", "published"])
def test_lost_clips_have_no_points_and_the_rest_add_up(data, kind: str) -> None:
    model, whole = trained(kind, data[1], data[0]), data[2][0]
    positions = np.r_[0:20, 27 : len(whole)]
    found = model.assess(whole[positions], Grid(positions, len(whole)))
    points = found.explanation.points
    assert len(points) == len(positions)
    assert points.sum() == pytest.approx(found.score - found.explanation.baseline, abs=1e-6)


def test_the_default_model_s_are_true(model, data) -> None:
    found = measure(model, data[2], data[3]).to_dict()
    assert found["remainder"] < 1e-9
    for length in ("10", "20"):
        assert found["replaced"][length]["correlation"] > 0.88
        assert 0.85 < found["replaced"][length]["slope"] < 1.15
    twenty = found["planted"][-1]
    assert twenty["length"] == 20 and twenty["pairs"] > 30
    assert twenty["hit"] > 0.8 > 2 * twenty["chance"] and twenty["found_inside"] > 0.7
    assert found["curves"]["area_deletion"] > 0 < found["curves"]["area_insertion"]
    assert found["stability"]["without_last"] > 0.9 < found["stability"]["rounded"]


def test_what_knows_nothing_is_at_chance(model, data) -> None:
    videos, scores = data[2] * 3, np.tile(data[3], 3)
    heard: list[tuple[str, int, int]] = []
    found = measure(
        model, videos, scores, explain=at_random(0), watch=lambda *told: heard.append(told)
    )
    each = [number for what, number, of in heard if what == "blocks" and of == len(videos)]
    assert each == list(range(1, len(videos) + 1))
    assert {"curves", "planted windows of 20", "stability"} < {what for what, *_ in heard}
    pooled = Agreement.of(np.concatenate(list(found.blocks.replaced.values())))
    assert pooled.blocks > 800 and abs(pooled.correlation) < 0.1
    for planted in found.planted:
        sure = 1.96 * (planted.chance * (1 - planted.chance) / planted.pairs) ** 0.5
        assert abs(planted.hit - planted.chance) < 1.5 * sure


def test_a_model_of_shuffled_labels_explains_nothing_of_the_true_one(model, data) -> None:
    random = np.random.default_rng(4)
    shuffled = trained("clips", random.permutation(data[1]), data[0])
    found = measure(model, data[2], data[3], explain=of_model(shuffled))
    pooled = Agreement.of(np.concatenate(list(found.blocks.replaced.values())))
    own = measure(model, data[2], data[3])
    true = Agreement.of(np.concatenate(list(own.blocks.replaced.values())))
    assert abs(pooled.correlation) < 0.5 * true.correlation


def test_models_that_have_members_say_how_far_they_disagree(model, data) -> None:
    spread = model.assess(data[2][0]).explanation.spread
    assert (spread > 0).all()
    ridge = trained("ridge", data[1], data[0])
    assert ridge.assess(data[2][0]).explanation.spread is None


def test_a_model_that_knows_no_average_routine_does_not_explain(model, data) -> None:
    torch.manual_seed(0)
    unknown = build_model(model.config, CHANNELS, dataclasses.replace(model.info)).eval()
    assert unknown.assess(data[2][0]).explanation is None
    with pytest.raises(AqaError, match="no average routine: train it again"):
        of_model(unknown)(data[2][0])


def test_short_routines_are_measured_as_far_as_they_go(model, data) -> None:
    short = [each[:8] for each in data[2]]
    found = measure(model, short, data[3]).to_dict()
    assert found["replaced"]["5"]["blocks"] > 0 == found["replaced"]["10"]["blocks"]
    assert [each["pairs"] for each in found["planted"]] == [0, 0, 0]
    with pytest.raises(AqaError, match="the longest of these routines has 5 clips"):
        measure(model, [each[:5] for each in short], data[3])


def test_rank_agreement_and_chance() -> None:
    one = [np.arange(5.0), np.arange(7.0)]
    assert rank_agreement(one, one) == 1
    assert rank_agreement(one, [-row for row in one]) == -1
    explain = at_random(3)
    features = np.ones((4, 2), np.float32)
    assert np.array_equal(explain(features), explain(features))
    assert not np.array_equal(explain(features), at_random(4)(features))
