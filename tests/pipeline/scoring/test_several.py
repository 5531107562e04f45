"""score with several checkpoints: one pass, a result for each score, ensembles that add up."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult

from aqa import load_checkpoint, load_config, load_dataset, save_checkpoint, train
from aqa.models import PublishedModelConfig, build_model

Cli = Callable[..., CliResult]
SMALL = ["model.members=2", "model.waves=64", "model.sharpness=0.3"]


@pytest.fixture
def routine(tmp_path: Path) -> Path:
    """Features that the shipped models take."""
    path = tmp_path / "routine.npy"
    np.save(path, np.random.default_rng(0).normal(size=(130, 1024)).astype(np.float32))
    return path


@pytest.fixture
def trained(own_data: tuple[Path, Path], tmp_path: Path) -> Callable[..., Path]:
    """A checkpoint of own data with a seed, on a scale."""
    features, labels = own_data

    def make(seed: int, top: float = 30.0) -> Path:
        config = load_config("own", [*SMALL, f"dataset.score_range=[0, {top}]"])
        dataset = load_dataset(config, features=features, labels=labels)
        return save_checkpoint(train(config, dataset, seed=seed), tmp_path / f"{seed}-{top}.pt")

    return make


def results_of(done: CliResult) -> list[dict]:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["results"]


def many(*paths: object) -> list[object]:
    return [part for path in paths for part in ("--checkpoint", path)]


def test_each_score_is_a_result_in_the_order_given(cli: Cli, routine: Path) -> None:
    both = results_of(cli("score", routine, *many("fisv-tes", "fisv-pcs"), "--json"))
    assert [each["score_name"] for each in both] == ["tes", "pcs"]
    for name, each in zip(("fisv-tes", "fisv-pcs"), both, strict=True):
        assert results_of(cli("score", routine, "--checkpoint", name, "--json")) == [each]
    shown = cli("score", routine, *many("fisv-pcs", "fisv-tes"), "--report", "page.html").stdout
    assert shown.index("pcs ") < shown.index("tes ")
    text = Path("page.html").read_text()
    (held,) = json.loads(text.split('type="application/json">')[1].split("<")[0])["routines"]
    assert [entry["score_name"] for entry in held["entries"]] == ["pcs", "tes"]


def test_checkpoints_of_one_score_are_an_ensemble(
    cli: Cli, own_data: tuple[Path, Path], trained: Callable[..., Path]
) -> None:
    features, paths = own_data[0] / "v3.npy", [trained(0), trained(1)]
    each = [results_of(cli("score", features, "--checkpoint", p, "--json"))[0] for p in paths]
    (mean,) = results_of(cli("score", features, *many(*paths), "--json"))
    assert each[0]["score"] != each[1]["score"]
    assert mean["score"] == pytest.approx(np.mean([one["score"] for one in each]))
    assert mean["checkpoint"] == " + ".join(map(str, paths))
    shares = [(clip["weight"], clip["score"]) for clip in mean["clips"]]
    assert sum(weight for weight, _ in shares) == pytest.approx(1)
    assert sum(weight * score for weight, score in shares) == pytest.approx(mean["score"])
    total = sum(part["points"] for part in mean["contributions"])
    assert total == pytest.approx(mean["score"] - mean["baseline"], abs=1e-6)
    assert sum(phase["points"] for phase in mean["phases"]) == pytest.approx(total, abs=1e-6)


def test_an_ensemble_is_as_sure_as_its_members_are_on_average(cli: Cli, routine: Path) -> None:
    model = load_checkpoint("fisv-pcs")
    twin = save_checkpoint(model, routine.with_name("twin.pt"))
    (alone,) = results_of(cli("score", routine, "--checkpoint", twin, "--json"))
    (mean,) = results_of(cli("score", routine, *many("fisv-pcs", twin), "--json"))
    assert mean["interval"] == pytest.approx(alone["interval"])
    for part, same in zip(mean["contributions"], alone["contributions"], strict=True):
        assert part["sure"] is same["sure"]
        assert (part["low"], part["high"]) == pytest.approx((same["low"], same["high"]))


def test_what_does_not_go_together_is_refused(
    cli: Cli, own_data: tuple[Path, Path], trained: Callable[..., Path], tmp_path: Path
) -> None:
    features, first = own_data[0] / "v3.npy", trained(0)

    def refused(*paths: object) -> str:
        done = cli("score", features, *many(*paths))
        assert done.exit_code == 2 and done.stdout == ""
        return done.stderr

    assert "the same one twice" in refused(first, first)
    assert "no such file; shipped models are" in refused(first, "fisv-xyz")
    assert "1024 channels" in refused(first, "fisv-pcs")
    assert "on different scales" in refused(first, trained(1, top=50.0))
    config = PublishedModelConfig(
        width=8, feedforward=8, heads=2, query_count=4, head_widths=[4, 4]
    )
    queries = build_model(config, 8, load_checkpoint(first).info)
    path = save_checkpoint(queries, tmp_path / "queries.pt")
    assert "weighs queries" in refused(first, path)


def test_what_is_written_beside_the_page(cli: Cli, routine: Path, tmp_path: Path) -> None:
    (tmp_path / "judges.csv").write_text("id,TES,PCS\nroutine.npy,30.5,31\nother,1,2\n")
    done = cli(
        "score", routine, *many("fisv-tes", "fisv-pcs"), "--csv", "clips.csv",
        "--plot", "plot.png", "--report", "page.html", "--labels", "judges.csv",
    )  # fmt: skip
    assert done.exit_code == 0 and "judges 30.50" in done.stdout and "judges 31.00" in done.stdout
    rows = list(csv.DictReader(Path("clips.csv").read_text().splitlines()))
    assert len(rows) == 2 * 130 and [rows[0]["score_name"], rows[-1]["score_name"]] == [
        "tes",
        "pcs",
    ]
    total = sum(float(row["points"]) for row in rows[:130])
    (tes, _) = results_of(cli("score", routine, *many("fisv-tes", "fisv-pcs"), "--json"))
    assert total == pytest.approx(tes["score"] - tes["baseline"], abs=1e-6)
    for name in ("plot-1.png", "plot-2.png"):
        assert Path(name).read_bytes().startswith(b"\x89PNG")
    cli("score", routine, "--checkpoint", "fisv-tes", "--plot", "one.svg")
    assert "</svg>" in Path("one.svg").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--plot", "plot.txt"), "expected a file that ends in .png"),
        (("--embed-video",), "--report FILE"),
        (("--labels", "gone.csv"), "gone.csv cannot be read"),
        (("--labels", "words.csv"), "words.csv: line 2: 'good' is no score"),
        (("--labels", "columns.csv"), "has no column score"),
        (("--labels", "twice.csv"), "twice.csv: line 3: routine again"),
    ],
)
def test_mistakes_are_named_before_any_work(
    cli: Cli, routine: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "words.csv").write_text("id,score\nroutine,good\n")
    (tmp_path / "twice.csv").write_text("id,score\nroutine,1\nroutine,2\n")
    (tmp_path / "columns.csv").write_text("id,pcs\nroutine,1\n")
    done = cli("score", routine, "--checkpoint", "fisv-tes", *options)
    assert done.exit_code == 2 and done.stdout == "" and said in done.stderr


def test_a_video_that_the_judges_have_not_scored(cli: Cli, routine: Path, tmp_path: Path) -> None:
    (tmp_path / "judges.csv").write_text("id;score\nother;1,5\n")
    done = cli("score", routine, "--checkpoint", "fisv-tes", "--labels", "judges.csv")
    assert done.exit_code == 0 and "judges.csv: no score of 1 video" in done.stderr
