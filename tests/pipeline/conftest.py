"""For the tests of training: own data, whose features decide the score; models compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from aqa.features import FeatureFolder, FeatureOrigin


@pytest.fixture
def origin() -> FeatureOrigin:
    return FeatureOrigin("swin3d_mini", "random", "d" * 64, "mini16x112")


@pytest.fixture
def own_data(tmp_path: Path, origin: FeatureOrigin) -> tuple[Path, Path]:
    """(feature folder, scores.csv) of 12 videos, 4 of them test, whose scores can be learned."""
    rng = np.random.default_rng(0)
    folder = FeatureFolder(tmp_path / "feats")
    folder.write_origin(origin, {})
    rows = []
    for number in range(12):
        features = rng.normal(size=(5 + number % 3, 8)) + number / 4
        folder.save(f"v{number}", features, origin, {})
        rows.append((f"v{number}", f"{10 + number}", "test" if number % 3 == 0 else "train"))
    labels = tmp_path / "scores.csv"
    labels.write_text("id,score,split\n" + "".join(",".join(row) + "\n" for row in rows))
    return folder.folder, labels


@pytest.fixture
def same_weights() -> Callable[[Path, Path], int]:
    """``same_weights(a, b)`` asserts that every model.pt below ``a`` has the bits of that below
    ``b``, and gives their number."""

    def states(folder: Path) -> dict[Path, dict[str, torch.Tensor]]:
        return {
            path.relative_to(folder): torch.load(path, weights_only=True)["state"]
            for path in folder.rglob("model.pt")
        }

    def compare(one: Path, other: Path) -> int:
        first, second = states(one), states(other)
        assert first.keys() == second.keys()
        for place, state in first.items():
            assert state.keys() == second[place].keys()
            for name, tensor in state.items():
                assert torch.equal(tensor, second[place][name]), f"{place}: {name}"
        return len(first)

    return compare
