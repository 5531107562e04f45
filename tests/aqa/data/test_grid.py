"""A salvaged video stays on the grid of the whole: its phases are those of the whole."""

from pathlib import Path

import numpy as np
import pytest
import torch

from aqa import AqaError
from aqa.data import Example, FeatureFolder, FeatureOrigin, Grid, Videos
from aqa.experiments import evaluate
from aqa.models import RidgeConfig, build_model
from aqa.models.base import ModelInfo

RAMP = np.arange(24, dtype=np.float32)[:, None] * np.array([1, -2, 0.5], np.float32)
KEPT = [*range(4), *range(13, 24)]


def test_lost_clips_have_stand_ins_and_the_others_stay() -> None:
    ragged = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    filled = Grid(np.array([1, 2, 5, 6, 8]), 10).fill(ragged)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[[1, 2, 5, 6, 8]], ragged)
    np.testing.assert_array_equal(filled[[0, 9]], ragged[[0, 4]])
    np.testing.assert_allclose(filled[4], ragged[1] / 3 + ragged[2] * 2 / 3, rtol=1e-5)
    np.testing.assert_allclose(filled[7], (ragged[3] + ragged[4]) / 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("clip_index", "whole"),
    [([0, 2], 4), ([0, 2, 2], 4), ([0, 2, 4], 4), ([2, 0, 3], 4), ([0, 1, True], 4), (7, 4)],
)
def test_a_record_that_speaks_of_other_features(clip_index: object, whole: int) -> None:
    record = {"clip_index": clip_index, "whole_clips": whole}
    with pytest.raises(AqaError, match=r"x\.npy: its record does not say .* extract it again"):
        Grid.of_record(record, 3, "x.npy")


def test_no_record_and_no_gap() -> None:
    assert Grid.of_record(None, 3, "") is Grid.of_record({"clip_index": None}, 3, "") is None


@pytest.fixture
def folder(tmp_path: Path, origin: FeatureOrigin) -> FeatureFolder:
    """A ramp, and a salvaged one that lost its clips from 4 to 12."""
    folder = FeatureFolder(tmp_path)
    folder.write_origin(origin, {})
    folder.save("whole", RAMP, origin, {"clip_index": None})
    folder.save("salvaged", RAMP[KEPT], origin, {"clip_index": KEPT, "whole_clips": len(RAMP)})
    return folder


def test_training_and_evaluation_see_the_phases_of_the_whole(folder: FeatureFolder) -> None:
    """A baseline of four segments sees no difference where straight lines are what was lost."""

    def example(name: str, with_record: bool = True) -> Example:
        record = folder.record_path(name) if with_record else None
        return Example(name, 3.0, folder.path(name), record_path=record)

    whole, salvaged = example("whole"), example("salvaged")
    videos = Videos.load([whole, salvaged], (0.0, 10.0), torch.device("cpu"))
    assert videos.clip_counts == (24, 24)
    for clips in videos.per_video():
        np.testing.assert_allclose(clips, RAMP, atol=1e-5)

    rng = np.random.default_rng(0)
    known = Videos(
        [rng.normal(size=(9, 3)).astype(np.float32) for _ in range(8)], rng.random(8), "cpu"
    )
    model = build_model(RidgeConfig(segments=4), 3, ModelInfo(training_videos=8))
    model.prepare(known)
    cut_short = example("salvaged", with_record=False)
    whole, salvaged, cut_short = (
        evaluate(model, [each]).predicted for each in (whole, salvaged, cut_short)
    )
    assert salvaged == pytest.approx(whole, rel=1e-5)
    assert cut_short != pytest.approx(whole, rel=1e-3)
