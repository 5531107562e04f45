"""What score and evaluate say of clips: the contract, how sure, what a checkpoint cannot say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult

from aqa import load_checkpoint, load_config, load_dataset, save_checkpoint, train
from aqa.experiments import attach_calibration, plan, run
from aqa.models.average import AverageRoutine

Cli = Callable[..., CliResult]
SMALL = [
    "model.members=3", "model.waves=256", "model.sharpness=0.3",
    "dataset.parts={opening: [0, 0.3]}",
]  # fmt: skip
CLIPS = 24


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """features/ and scores.csv of 40 routines: their first two channels are the points."""
    random, root = np.random.default_rng(0), tmp_path_factory.mktemp("explained")
    (root / "features").mkdir()
    lines = ["id,score,split"]
    for number in range(40):
        clips = random.normal(size=(CLIPS + number % 5, 10))
        worth = random.normal(0, 0.5) + np.repeat(random.normal(size=12), 3)[: len(clips)]
        clips[:, :2] = 2 * worth[:, None] + 0.2 * clips[:, :2]
        np.save(root / f"features/r{number:02}.npy", clips.astype(np.float32))
        lines.append(
            f"r{number:02},{20 + 5 * worth.mean():.3f},{'train' if number < 32 else 'test'}"
        )
    (root / "scores.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def checkpoint(place: Path) -> Path:
    config = load_config("own", SMALL)
    dataset = load_dataset(config, features=place / "features", labels=place / "scores.csv")
    path = save_checkpoint(train(config, dataset), place / "model.pt")
    held_out = [run(task) for task in plan(config, dataset, place / "runs", folds=4)]
    attach_calibration(path, held_out, dataset)
    return path


def scored(cli: Cli, *arguments: object) -> dict:
    (result,) = json.loads(cli("score", *arguments, "--json").stdout)["results"]
    return result


def test_contributions_add_up_and_say_how_sure(cli: Cli, place: Path, checkpoint: Path) -> None:
    result = scored(cli, place / "features/r35.npy", "--checkpoint", checkpoint)
    parts = result["contributions"]
    assert len(parts) == len(result["clips"]) == CLIPS
    total = sum(part["points"] for part in parts)
    assert total == pytest.approx(result["score"] - result["baseline"], abs=1e-6)
    *quarters, opening = result["phases"]
    assert sum(phase["points"] for phase in quarters) == pytest.approx(total, abs=1e-6)
    assert (quarters[0]["name"], opening["name"]) == ("first quarter", "opening")
    first = sum(part["points"] for part in parts[: round(0.3 * CLIPS)])
    assert opening["points"] == pytest.approx(first, abs=1e-9)
    for part in parts:
        assert part["low"] < part["points"] < part["high"]
        assert part["sure"] is (part["low"] > 0 or part["high"] < 0)
    assert 0 < sum(part["sure"] for part in parts) < CLIPS
    model = load_checkpoint(checkpoint)
    mean = model.info.certainty["score"]["mean_score"]
    assert result["baseline_above_mean"] == pytest.approx(result["baseline"] - mean)
    assert not [remark for remark in result["remarks"] if "ontribution" in remark]


def test_only_what_is_not_noise_is_named(cli: Cli, place: Path, checkpoint: Path) -> None:
    feature = place / "features/r35.npy"
    done = cli("score", feature, "--checkpoint", checkpoint, "--report", "page.html")
    assert done.exit_code == 0 and "points won and lost" in done.stdout
    named = done.stdout.count("won ") + done.stdout.count("lost ") - 2  # the title has both
    text = Path("page.html").read_text().split('type="application/json">')[1]
    (entry,) = json.loads(text.split("<")[0])["routines"][0]["entries"]
    clear = np.abs(entry["parts"]["margin"]) > entry["parts"]["width"]
    assert len(clear) == CLIPS and 0 < named <= clear.sum() < CLIPS
    moments = [*entry["won"], *entry["lost"]]
    assert len(moments) == named and clear[moments].all()


def test_widths_cover_another_fold_s_model(checkpoint: Path) -> None:
    (certainty,) = load_checkpoint(checkpoint).info.certainty.values()
    assert 0.8 <= certainty["coverage"] <= 0.97
    assert certainty["factor"] > 0 and certainty["pair_width"] > 0
    assert len(certainty["points"]) == 8 and len(certainty["scores"]) == 21


@pytest.mark.parametrize("name", ["fisv-tes", "fisv-pcs"])
def test_differences_of_shipped_scores_are_covered(name: str) -> None:
    info = load_checkpoint(name).info
    certainty = info.certainty[info.score_name]
    assert 0.87 <= certainty["pair_coverage"] <= 0.93
    half_width = info.calibration[info.score_name]["half_width"]
    assert half_width < certainty["pair_width"] < 2 * half_width


def test_what_a_checkpoint_cannot_say_is_said_once(
    cli: Cli, place: Path, checkpoint: Path, tmp_path: Path
) -> None:
    model = load_checkpoint(checkpoint)
    model.info = replace(model.info, certainty=None)
    unsure = save_checkpoint(model, tmp_path / "unsure.pt")
    result = scored(cli, place / "features/r36.npy", "--checkpoint", unsure)
    assert {part["sure"] for part in result["contributions"]} == {None}
    assert result["baseline_above_mean"] is None
    assert sum("does not say" in remark for remark in result["remarks"]) == 1

    model.average = AverageRoutine(model.channels)
    nothing = save_checkpoint(model, tmp_path / "nothing.pt")
    result = scored(cli, place / "features/r36.npy", "--checkpoint", nothing)
    assert (result["baseline"], result["contributions"], result["phases"]) == (None, [], [])
    assert sum("knows no average routine" in remark for remark in result["remarks"]) == 1
    done = cli("evaluate", "--features", place / "features", "--labels", place / "scores.csv",
               "--checkpoint", nothing, "--faithfulness")  # fmt: skip
    assert done.exit_code != 0 and "no average routine: train it again" in done.stderr


def test_training_videos_are_told(cli: Cli, place: Path, checkpoint: Path) -> None:
    known = scored(cli, place / "features/r03.npy", "--checkpoint", checkpoint)
    assert any("was trained on this video (r03)" in remark for remark in known["remarks"])
    new = scored(cli, place / "features/r33.npy", "--checkpoint", checkpoint)
    assert not any("was trained on" in remark for remark in new["remarks"])
    done = cli("evaluate", "--features", place / "features", "--labels", place / "scores.csv",
               "--checkpoint", checkpoint, "--split", "train")  # fmt: skip
    assert "was trained on 32 of these 32 videos" in done.stderr


def test_faithfulness_as_table_json_and_plot(cli: Cli, place: Path, checkpoint: Path) -> None:
    of = ("evaluate", "--features", place / "features", "--labels", place / "scores.csv",
          "--faithfulness", "--checkpoint", checkpoint)  # fmt: skip
    done = cli(*of, "--output", "out")
    assert done.exit_code == 0, done.output
    for words in ("10 clips replaced", "5 clips planted", "deletion", "rank correlation"):
        assert words in done.stdout
    document = json.loads(Path("out/faithfulness.json").read_text())
    (own,) = document["checkpoints"]
    assert own["videos"] == 8 and own["replaced"]["10"]["correlation"] > 0.8
    assert abs(document["chance"]["replaced"]["10"]["correlation"]) < 0.5
    assert document["between_checkpoints"] is None
    assert Path("out/faithfulness.png").read_bytes().startswith(b"\x89PNG")
    both = json.loads(cli(*of, "--checkpoint", checkpoint, "--json").stdout)
    assert both["between_checkpoints"] == pytest.approx(1)
