import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from aqa import AqaError, evaluate, load_checkpoint, load_config, load_dataset, train
from aqa.checkpoints.checkpoint import save_checkpoint
from aqa.config import parse_config
from aqa.experiments.folds import make_folds
from aqa.models.parts import segment_means as pool

KINDS = ["mean", "ridge", "kernel-ridge"]


def config_of(kind, **model):
    content = {"dataset": {"kind": "csv", "score_range": [0, 10]}}
    return parse_config({**content, "model": {"kind": kind, **model}})


@pytest.mark.parametrize("kind", KINDS)
def test_a_baseline_trains_evaluates_and_is_kept(kind, small_dataset, tmp_path, device):
    model = train(config_of(kind), small_dataset, device=device)
    assert (model.info.chosen_on, model.info.epochs) == ("closed form", 1)
    loaded = load_checkpoint(save_checkpoint(model, tmp_path / "model.pt"))
    result = evaluate(loaded, small_dataset.test)
    assert result.predicted == pytest.approx(evaluate(model, small_dataset.test).predicted)
    mean = np.mean([example.score for example in small_dataset.train])
    if kind == "mean":
        assert result.predicted == pytest.approx([mean] * 10, abs=1e-4)
        assert np.isnan(result.spearman)
    else:
        assert result.spearman > 0.6
    assessment = loaded.assess(np.load(small_dataset.test[0].features_path))
    assert not assessment.aligned and assessment.clip_weights.tolist() == [1.0]


def test_kernel_ridge_is_that_of_the_library(small_dataset):
    model = train(config_of("kernel-ridge", segments=2, regularisation=0.1), small_dataset)

    def pooled(examples):
        clips = [torch.from_numpy(np.load(example.features_path)) for example in examples]
        return np.stack([pool(video, 2).numpy() for video in clips]).astype(np.float64)

    known, new = pooled(small_dataset.train), pooled(small_dataset.test)
    mean, std = known.mean(0), known.std(0)
    true = np.array([example.score for example in small_dataset.train])
    solver = KernelRidge(alpha=0.1, kernel="rbf", gamma=0.5 / known.shape[1])
    solver.fit((known - mean) / std, true - true.mean())
    expected = solver.predict((new - mean) / std) + true.mean()
    np.testing.assert_allclose(
        evaluate(model, small_dataset.test).predicted, expected, rtol=0, atol=1e-3
    )


def test_segments_of_a_video_by_hand():
    clips = torch.arange(5.0)[:, None]
    assert pool(clips, 2).tolist() == [0.5, 3.0]
    assert pool(clips, 1).tolist() == [2.0]
    assert pool(clips[:2], 4).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_a_baseline_has_no_other_recipe():
    for recipe in ("honest", "paper"):
        with pytest.raises(AqaError, match="recipe"):
            parse_config(
                {
                    "dataset": {"kind": "fisv"},
                    "model": {"kind": "ridge"},
                    "training": {"recipe": recipe},
                }
            )


def test_kernel_ridge_reaches_its_known_figure_on_real_features(shared):
    """0.776 is the mean over the five folds, 0.758 that of the first."""
    config = load_config("fisv-pcs", ["model.kind=kernel-ridge"])
    dataset = load_dataset(config, shared / "data/fisv")
    known, held_out = make_folds(dataset.train, shared / "data/fisv/folds.csv")["0"]
    model = train(config, dataset.with_split(known, held_out))
    assert evaluate(model, held_out).spearman == pytest.approx(0.758, abs=0.005)
