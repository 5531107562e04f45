"""A fourth data set: one file (here: this one) and one line, and every command works on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import SMALL_MODEL, set_options

from aqa.data import DATASETS, DatasetKind, Label, Labels, RawLayout, Wanted, register
from aqa.data.features import FeatureFolder
from aqa.storage import Place
from pipeline.demo.drawn import random_routine, write_video

Cli = Callable[..., CliResult]


def find(wanted: Wanted) -> tuple[Place, Path]:
    return wanted.features or wanted.data_root / "features", wanted.data_root / "dives.txt"


def read(labels: Path, score: str, apparatus: str | None) -> Labels:
    """``name height points part``, one line a dive."""
    column = {"points": 2, "height": 1}[score]
    parts: dict[str, list[Label]] = {"learn": [], "look": []}
    for words in map(str.split, labels.read_text().splitlines()):
        parts[words[3]].append(Label(words[0], float(words[column])))
    return Labels(parts["learn"], parts["look"], labels)


DIVING = DatasetKind(
    name="diving",
    find=find,
    read=read,
    scores=("points", "height"),
    score_range=(0.0, 100.0),
    protocol="mini16x112",
    raw=RawLayout(("dives",)),
)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(DATASETS, "_known", dict(DATASETS._known))
    register(DIVING)
    yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six dives of two clips, two of them to look at."""
    rng = np.random.default_rng(0)
    lines = []
    (tmp_path / "data/dives").mkdir(parents=True)
    for number in range(6):
        routine = random_routine(rng, 2)
        write_video(tmp_path / f"data/dives/d{number}.mp4", routine, rng)
        part = "look" if number > 3 else "learn"
        lines.append(f"d{number} 10 {routine.score:.2f} {part}")
    (tmp_path / "data/dives.txt").write_text("\n".join(lines))
    return tmp_path / "data"


def test_every_command_works_on_it(registered: None, root: Path, cli: Cli) -> None:
    made = ["--dataset", "diving", "--data-root", root, "--backbone", "swin3d_mini"]
    made += ["--weights", "random"]
    planned = cli("extract", *made, "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "6 videos to do, 0 complete, 0 not done; 0 without a label" in planned.stdout

    done = cli("extract", *made, "--ray-address", "none")
    assert done.exit_code == 0 and "6 extracted" in done.stdout, done.output
    assert FeatureFolder("features/diving").origin().protocol == "mini16x112"

    # Of the data root come labels; the features are those that were extracted last all the same.
    small = set_options("training.epochs=2", *SMALL_MODEL)
    trained = cli("train", "--data-root", root, *small)
    assert trained.exit_code == 0, trained.output
    assert "config: diving, for diving, extracted last" in trained.stdout
    assert "diving, extracted last" in trained.stdout.split("features: ")[1]
    assert "diving, 2 epochs" in trained.stdout

    wanted = ["--config", "diving", "--data-root", root, "--features", "features/diving"]
    agreed = cli("evaluate", *wanted)
    assert agreed.exit_code == 0 and "diving, points: 2 videos" in agreed.stdout, agreed.output
    scored = cli("score", root / "dives/d5.mp4")
    assert scored.exit_code == 0 and "d5.mp4: points" in scored.stdout, scored.output


def test_what_is_not_registered_is_refused_with_what_is(root: Path, cli: Cli) -> None:
    refused = cli("extract", "--dataset", "diving", "--data-root", root)
    assert refused.exit_code == 2
    assert refused.stderr == "error: --dataset diving: expected logo, fisv, rg\n"
