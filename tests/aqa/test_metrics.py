import math

import numpy as np
import pytest

from aqa import AqaError, metrics


def test_metrics_agree_with_the_published_ones(shared):
    golden = np.load(shared / "golden/ilt_aqa/metrics.npz")
    pred, true = golden["pred"], golden["true"]
    assert metrics.spearman(pred, true) == pytest.approx(float(golden["spearman"]), abs=1e-9)
    assert metrics.relative_l2(pred, true) == pytest.approx(float(golden["relative_l2"]), abs=1e-9)


def test_metrics_by_hand():
    true = [10.0, 20.0, 30.0]
    assert metrics.spearman([1, 3, 2], true) == pytest.approx(0.5)
    assert metrics.kendall([1, 3, 2], true) == pytest.approx(1 / 3)
    assert metrics.mean_absolute_error([12, 20, 29], true) == pytest.approx(1.0)
    assert metrics.relative_l2([12, 20, 30], true) == pytest.approx((2 / 20) ** 2 / 3)


@pytest.mark.parametrize("pred, true", [([1.0], [2.0]), ([1, 1, 1], [1, 2, 3])])
def test_no_correlation_without_an_order(pred, true):
    assert math.isnan(metrics.spearman(pred, true))
    assert math.isnan(metrics.kendall(pred, true))


def test_unequal_numbers_are_refused():
    with pytest.raises(AqaError, match="2 predictions for 3 true scores"):
        metrics.spearman([1, 2], [1, 2, 3])
