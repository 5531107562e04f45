import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aqa import AqaError
from aqa.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from aqa.config import load_config, parse_config
from aqa.data.dataset import AqaDataset, Example, load_dataset
from aqa.data.videos import Videos
from aqa.experiments.evaluation import bootstrap_interval, evaluate
from aqa.training.recipes import train

CPU = torch.device("cpu")


def same(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    return all(torch.equal(mine, theirs) for (_, mine), theirs in pairs)


def random_states(device):
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if device == "cuda" else [])]


@pytest.mark.parametrize("recipe", ["fit", "honest", "paper"])
def test_training_is_decided_by_its_seed(small_config, small_dataset, recipe, device):
    config = small_config(recipe)
    first = train(config, small_dataset, seed=1, device=device)
    torch.rand(7, device=device)
    states = random_states(device)
    assert same(first, train(config, small_dataset, seed=1, device=device))
    assert all(map(torch.equal, random_states(device), states))
    assert not same(first, train(config, small_dataset, seed=2, device=device))
    assert not first.training


@pytest.mark.parametrize("recipe", ["honest", "paper"])
def test_a_killed_training_goes_on_to_the_same_weights(
    small_config, small_dataset, recipe, device, tmp_path, monkeypatch
):
    config = small_config(recipe, epochs=5)
    train_it = partial(train, config, small_dataset, device=device)
    whole = train_it(seed=1)
    monkeypatch.setattr("aqa.training.snapshot.EVERY_S", 0.0)
    kept, seen = tmp_path / "training.pt", []

    def pull_the_plug(report):
        if report.epoch == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_it(seed=1, snapshot=kept, on_epoch=pull_the_plug)
    again = train_it(seed=1, snapshot=kept, on_epoch=seen.append)
    assert [report.epoch for report in seen] == [4, 5]
    assert same(whole, again) and again.info == whole.info

    # What another seed left, or half a file, is not taken up.
    other = train_it(seed=2)
    assert same(other, train_it(seed=2, snapshot=kept))
    kept.write_bytes(kept.read_bytes()[:1000])
    assert same(whole, train_it(seed=1, snapshot=kept))


@pytest.mark.parametrize("recipe", ["fit", "honest", "paper"])
def test_where_a_model_was_trained_does_not_matter_to_its_scores(
    small_config, small_dataset, recipe, device, tmp_path
):
    """The checkpoint holds nothing of the device."""
    model = train(small_config(recipe), small_dataset, device=device)
    path = save_checkpoint(model, tmp_path / "model.pt")
    found = [
        evaluate(load_checkpoint(path, where), small_dataset.test) for where in ("cpu", device)
    ]
    there = evaluate(model, small_dataset.test)
    for result in found:
        assert result.predicted == pytest.approx(there.predicted, rel=1e-4)


@pytest.mark.parametrize("recipe", ["fit", "honest"])
def test_the_number_of_threads_around_a_training_changes_nothing(
    small_config, small_dataset, recipe
):
    before = torch.get_num_threads()
    models = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        models.append(train(small_config(recipe), small_dataset))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert same(*models)


@pytest.mark.parametrize("recipe", ["fit", "honest"])
def test_only_the_paper_recipe_looks_at_the_evaluation_split(small_config, small_dataset, recipe):
    gone = [Example(f"x{n}", 3.0, Path("/nowhere.npy")) for n in range(3)]
    poisoned = small_dataset.with_split(small_dataset.train, gone)
    config = small_config(recipe)
    assert same(train(config, small_dataset), train(config, poisoned))


def test_the_honest_recipe_learns(small_config, small_dataset):
    reports = []
    config = small_config(epochs=60, learning_rate=3e-3)
    model = train(config, small_dataset, on_epoch=reports.append)
    assert evaluate(model, small_dataset.train).spearman > 0.9
    assert [report.epoch for report in reports] == list(range(1, 61))
    assert reports[-1].losses["total"] < 0.5 * reports[0].losses["total"]
    losses = reports[0].losses
    parts = sum(losses[name] for name in ("score", "correlation", "attention"))
    assert losses["total"] == pytest.approx(parts)


def test_the_default_model_learns(small_config, small_dataset):
    reports = []
    model = train(small_config("fit"), small_dataset, on_epoch=reports.append)
    assert evaluate(model, small_dataset.train).spearman > 0.9
    assert evaluate(model, small_dataset.test).spearman > 0.6
    assert [report.epoch for report in reports] == [1]


def test_the_model_says_what_it_was_trained_on(small_config, small_dataset):
    info = train(small_config(), small_dataset, seed=4).info
    assert (info.seed, info.epochs, info.chosen_on) == (4, 3, "last epoch")
    assert (info.training_videos, info.score_range, info.dataset) == (30, (0.0, 10.0), "csv")
    assert info.origin == small_dataset.origin
    assert 4 <= info.clip_counts[0] <= info.clip_counts[1] <= 8
    assert parse_config(info.config) == small_config()
    assert [entry["epoch"] for entry in info.history] == [1, 2, 3]


def test_features_are_standardised_by_the_training_clips(small_config, small_dataset):
    model = train(small_config("fit"), small_dataset)
    clips = np.concatenate([np.load(e.features_path) for e in small_dataset.train])
    np.testing.assert_allclose(model.projection.mean, clips.mean(0), atol=1e-5)
    np.testing.assert_allclose(model.projection.std, clips.std(0), rtol=1e-4)


def test_the_paper_recipe_marks_what_it_chose_on_the_evaluation_split(small_config, small_dataset):
    reports = []
    config = small_config("paper", epochs=4, learning_rate=1e-3)
    model = train(config, small_dataset, on_epoch=reports.append)
    assert model.info.chosen_on == "chosen on the evaluation split"
    spearmans = [report.evaluation["spearman"] for report in reports]
    assert model.info.epochs == 1 + int(np.argmax(spearmans))
    assert reports[-1].evaluation["best_spearman"] == max(spearmans)
    with pytest.raises(AqaError, match="evaluation split: csv has 0 test videos"):
        train(config, small_dataset.with_split(small_dataset.train, []))


def test_the_paper_recipe_draws_queries_and_repeats_its_scores(small_config, small_dataset):
    config = small_config("paper", model={"query_std": 2.0}, epochs=1)
    model = train(config, small_dataset)
    assert evaluate(model, small_dataset.test) == evaluate(model, small_dataset.test)


def test_tensorboard_gets_the_losses(small_config, small_dataset, tmp_path):
    reports = []
    train(small_config(), small_dataset, log_dir=tmp_path / "log", on_epoch=reports.append)
    log = EventAccumulator(str(tmp_path / "log")).Reload()
    wanted = {
        f"loss/{name}": [(report.epoch, report.losses[name]) for report in reports]
        for name in reports[0].losses
    } | {"learning_rate": [(report.epoch, report.learning_rate) for report in reports]}
    assert "loss/total" in wanted and len(reports) == 3
    assert set(log.Tags()["scalars"]) == set(wanted)
    for name, values in wanted.items():
        logged = [(event.step, event.value) for event in log.Scalars(name)]
        assert logged == [(epoch, pytest.approx(value)) for epoch, value in values]


def test_every_bad_feature_file_is_named_before_training(small_config, small_dataset):
    first, second = small_dataset.train[:2]
    np.save(first.features_path, np.full((3, 12), np.nan, np.float32))
    np.save(second.features_path, np.zeros((3, 13), np.float32))
    with pytest.raises(AqaError) as caught:
        train(small_config(), small_dataset)
    assert "v00.npy: NaN" in str(caught.value) and "v01.npy: features are 13" in str(caught.value)
    with pytest.raises(AqaError, match=r"v00.npy: NaN"):
        evaluate(train(small_config(), small_dataset.with_split(small_dataset.train[2:], [])),
                 small_dataset.train)  # fmt: skip


@pytest.mark.parametrize("recipe", ["honest", "paper"])
def test_a_diverging_training_says_so(small_config, small_dataset, recipe):
    config = small_config(recipe, learning_rate=1e30, epochs=20)
    with pytest.raises(AqaError, match=r"diverged in epoch .*lower training.learning_rate"):
        train(config, small_dataset)


def test_what_cannot_be_trained(small_config, small_dataset):
    config = small_config()
    with pytest.raises(AqaError, match="no training videos"):
        train(config, small_dataset.with_split([], []))
    with pytest.raises(AqaError, match="device 'abacus': expected cpu, cuda"):
        train(config, small_dataset, device="abacus")
    same_score = dataclasses.replace(small_dataset, score_range=(5.0, 5.0))
    with pytest.raises(AqaError, match="all scores are 5"):
        train(config, same_score)


def test_one_video_and_odd_last_batches_train(small_config, small_dataset):
    one = small_dataset.with_split(small_dataset.train[:1], [])
    assert np.isfinite(train(small_config(), one).info.history[-1]["total"])
    nine = small_dataset.with_split(small_dataset.train[:9], [])
    assert "correlation" in train(small_config(), nine).info.history[0]
    assert np.isfinite(train(small_config("fit"), one).info.history[-1]["total"])


def test_batches_hold_whole_videos_and_zeros():
    features = [np.full((n, 2), n, np.float32) for n in (3, 1, 4)]
    videos = Videos(features, [0.1, 0.2, 0.3], CPU)
    batch, lengths = videos.batch(torch.tensor([1, 2]))
    assert lengths.tolist() == [1, 4]
    assert batch[:, :, 0].tolist() == [[1, 0, 0, 0], [4, 4, 4, 4]]


def test_a_view_is_every_third_clip_from_a_random_one_on():
    features = [np.arange(n, dtype=np.float32)[:, None] + 1 for n in (2, 7)]
    videos = Videos(features, [0.1, 0.2], CPU)
    torch.manual_seed(0)
    seen = set()
    for _ in range(50):
        batch, lengths = videos.batch(torch.tensor([0, 1]), stride=3)
        short, long = (row[:n, 0].tolist() for row, n in zip(batch, lengths, strict=True))
        assert short in ([1], [2])
        assert long in ([1, 4, 7], [2, 5], [3, 6])
        seen.add((*short, *long))
    assert len(seen) == 6


def test_cuts_are_the_published_ones():
    """Zeros up to the count; else a random start below T - count, the last clip never reached."""
    features = [np.arange(n, dtype=np.float32)[:, None] + 1 for n in (2, 6)]
    videos = Videos(features, [0.1, 0.2], CPU)
    starts = set()
    torch.manual_seed(0)
    for _ in range(50):
        short, long = videos.cut(torch.tensor([0, 1]), 3)[:, :, 0].tolist()
        assert short == [1, 2, 0]
        assert long == [long[0] + n for n in range(3)]
        starts.add(int(long[0]))
    assert starts == {1, 2, 3}


def test_an_ensemble_averages_scores(small_config, small_dataset):
    models = [train(small_config(), small_dataset, seed=seed) for seed in (1, 2)]
    single = [evaluate(model, small_dataset.test).predicted for model in models]
    joint = evaluate(models, small_dataset.test)
    np.testing.assert_allclose(joint.predicted, np.mean(single, axis=0))
    assert joint.ids == tuple(example.id for example in small_dataset.test)
    low, high = joint.spearman_interval
    assert -1 <= low <= joint.spearman <= high <= 1


def test_the_bootstrap_interval_is_narrow_for_many_videos_and_covers_the_truth():
    rng = np.random.default_rng(1)
    true = rng.normal(size=400)
    low, high = bootstrap_interval([([true + rng.normal(size=400)], true)])
    assert low < 0.69 < high and high - low < 0.15


def test_real_features_train(shared):
    """A smoke test on the real Fis-V features: a small model, 60 videos."""
    config = load_config("fisv-pcs", ["model.members=2", "model.waves=512"])
    dataset = load_dataset(config, shared / "data/fisv")
    small = dataset.with_split(dataset.train[:50], dataset.train[50:60])
    model = train(config, small)
    assert evaluate(model, small.train).spearman > 0.6
    assert evaluate(model, small.test).mean_absolute_error < 6


@pytest.mark.parametrize(
    ("name", "clips"), [("logo", (48, 48)), ("rg-ball", (60, 80)), ("own", (5, 12))]
)
def test_the_default_model_fits_other_data_sets(tmp_path, name, clips):
    """Their sizes on synthetic features: that it runs and learns, not how good it is."""
    rng = np.random.default_rng(0)
    examples = []
    for number in range(40):
        quality = rng.uniform(0, 1)
        features = rng.normal(size=(int(rng.integers(clips[0], clips[1] + 1)), 64))
        path = tmp_path / f"{number}.npy"
        np.save(path, (features + 3 * quality * np.linspace(-1, 1, 64)).astype(np.float32))
        examples.append(Example(str(number), 20 * quality, path))
    config = load_config(name, ["model.waves=256"])
    dataset = AqaDataset(name, "total", (0.0, 25.0), tuple(examples[:30]), tuple(examples[30:]))
    model = train(config, dataset)
    assert evaluate(model, dataset.test).spearman > 0.8
    assessment = model.assess(np.load(examples[0].features_path))
    assert clips[0] <= len(assessment.clip_weights) <= clips[1] and assessment.aligned
