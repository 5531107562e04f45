from dataclasses import replace

import numpy as np
import pytest

from aqa import AqaError, evaluate, load_checkpoint, train
from aqa.checkpoints.checkpoint import save_checkpoint
from aqa.config import parse_config
from aqa.experiments.runs import attach_calibration, plan, run
from aqa.models.calibration import calibrate, conformal_quantile


def test_the_conformal_quantile_by_hand():
    errors = np.arange(1.0, 11.0)
    assert conformal_quantile(errors, 0.5) == 6  # ceil(11 / 2)
    assert conformal_quantile(errors, 0.9) == 10
    assert conformal_quantile(errors, 0.99) == 10  # none is large enough: the largest


def test_intervals_cover_what_they_say():
    rng = np.random.default_rng(0)
    folds = []
    for _ in range(5):
        true = rng.normal(20, 5, size=80)
        folds.append((true + rng.normal(0, 2, size=80), true))
    calibration = calibrate(folds)
    assert (calibration.videos, calibration.folds) == (400, 5)
    assert calibration.coverage == pytest.approx(0.9, abs=0.04)
    assert calibration.half_width == pytest.approx(1.645 * 2, rel=0.15)
    assert calibration.label_width == pytest.approx(2 * 1.645 * 5, rel=0.15)
    low, high = calibration.interval(10.0)
    assert high - 10 == pytest.approx(10 - low) and high - 10 == calibration.half_width
    fresh = rng.normal(0, 2, size=4000)
    assert np.mean(np.abs(fresh) <= calibration.half_width) == pytest.approx(0.9, abs=0.045)


def test_coverage_is_measured_on_folds_that_were_left_out():
    """One fold with large errors: the others' half-width does not cover it."""
    good = ([0.0] * 20, list(np.linspace(-1, 1, 20)))
    bad = ([0.0] * 20, [10.0] * 20)
    assert calibrate([good, good, bad]).coverage <= 2 / 3


def test_too_little_to_calibrate_on():
    with pytest.raises(AqaError, match="4 errors of 2 folds"):
        calibrate([([1.0, 2.0], [1.0, 2.0])] * 2)
    with pytest.raises(AqaError, match="30 errors of 1 folds"):
        calibrate([([1.0] * 30, [1.0] * 30)])


def test_out_of_fold_errors_are_written_into_a_checkpoint(small_config, small_dataset, tmp_path):
    config = small_config(epochs=1)
    model = train(config, small_dataset)
    assert model.interval(5.0) is None
    path = save_checkpoint(model, tmp_path / "model.pt")
    results = [run(task) for task in plan(config, small_dataset, tmp_path, folds=3)]
    (calibration,) = attach_calibration(path, results, small_dataset).values()
    errors = np.concatenate(
        [np.abs(np.subtract(r.evaluation.predicted, r.evaluation.true)) for r in results]
    )
    assert calibration.half_width == conformal_quantile(errors, 0.9)
    loaded = load_checkpoint(path)
    assert loaded.interval(5.0) == calibration.interval(5.0)
    assert evaluate(loaded, small_dataset.test) == evaluate(model, small_dataset.test)


def test_a_model_of_one_score_is_calibrated_for_that_one(small_config, small_dataset, tmp_path):
    """Where the data set gives several, but only model.kind clips learns them together."""
    both = [
        [replace(e, all_scores=(1.0, e.score)) for e in part]
        for part in (small_dataset.train, small_dataset.test)
    ]
    joint = replace(small_dataset, all_scores=("other", "score")).with_split(*both)
    config = parse_config({"dataset": small_config().dataset, "model": {"kind": "ridge"}})
    model = train(config, joint)
    assert model.info.all_scores == ("score",)
    path = save_checkpoint(model, tmp_path / "model.pt")
    results = [run(task) for task in plan(config, joint, tmp_path, folds=2)]
    assert list(attach_calibration(path, results, joint)) == ["score"]
