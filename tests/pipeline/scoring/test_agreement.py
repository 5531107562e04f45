"""evaluate: several checkpoints, files for other tools, labels of another score."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result as CliResult

from aqa import load_config, load_dataset, save_checkpoint, train
from aqa.metrics import spearman
from pipeline.reports.agreement import short_names

Cli = Callable[..., CliResult]
SMALL = ["model.members=2", "model.waves=256", "model.sharpness=0.3"]
SMALL_PAPER = [
    "training.recipe=paper", "training.epochs=2", "training.threads=1", "model.width=16",
    "model.feedforward=16", "model.head_widths=[16, 8]", "model.query_count=6",
    "model.clip_count=6", "dataset.all_scores=[]",
]  # fmt: skip
TEST_VIDEOS = 12


@pytest.fixture(scope="module")
def fisv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root in the layout of Fis-V: 20 training and 12 test videos of 8 channels, whose two
    scores have nothing to do with each other; ``trained`` keeps its checkpoints there."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("fisv")
    folder = root / "swintx_avg_fps25_clip32"
    folder.mkdir(parents=True)
    lines = []
    for number in range(20 + TEST_VIDEOS):
        tes, pcs = rng.uniform(10, 40, 2)
        features = rng.normal(size=(5 + number % 3, 8))
        features[:, 0] += tes / 5
        features[:, 1] += pcs / 5
        np.save(folder / f"{number}.npy", features.astype(np.float32))
        lines.append(f"{number} {tes:.2f} {pcs:.2f} 0\n")
    (root / "train.txt").write_text("".join(lines[:20]))
    (root / "test.txt").write_text("".join(lines[20:]))
    return root


def trained(root: Path, overrides: list[str], seed: int = 0) -> Path:
    """A checkpoint of fisv-pcs, trained by the first test of this file that asks for it."""
    config = load_config("fisv-pcs", overrides)
    path = root / f"{config.model.kind}-{config.training.recipe}-{seed}.pt"
    if not path.exists():
        save_checkpoint(train(config, load_dataset(config, root), seed=seed), path)
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_several_checkpoints_have_their_own_figures_beside_the_ensemble_s(
    cli: Cli, fisv: Path, tmp_path: Path
) -> None:
    checkpoints = [trained(fisv, SMALL, seed) for seed in (0, 1)]
    of = ("evaluate", "--config", "fisv-pcs", "--data-root", fisv)
    single = [json.loads(cli(*of, "--checkpoint", one, "--json").stdout) for one in checkpoints]
    both = (*of, "--checkpoint", checkpoints[0], "--checkpoint", checkpoints[1])
    done = cli(*both, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    for words in ("ensemble", "mean", "std", "closed form", "95 % bootstrap over videos"):
        assert words in done.stdout

    content = json.loads((tmp_path / "out/results.json").read_text())
    assert content["score"] == "pcs" and content["videos"] == TEST_VIDEOS
    for name in ("spearman", "relative_l2", "kendall", "mean_absolute_error"):
        alone = [document[name] for document in single]
        assert [member[name] for member in content["members"]] == alone
        assert content["mean"][name] == pytest.approx(np.mean(alone))
        assert content["std"][name] == pytest.approx(np.std(alone, ddof=1))
    low, high = content["spearman_interval"]
    assert low < content["spearman"] < high

    rows = table(tmp_path / "out/results.csv")
    assert [row["checkpoint"] for row in rows] == [*map(str, checkpoints), "ensemble"]
    assert [row["seed"] for row in rows] == ["0", "1", ""]
    assert float(rows[2]["spearman"]) == content["spearman"]
    predicted: dict[str, list[float]] = {}
    for row in table(tmp_path / "out/predictions.csv"):
        predicted.setdefault(row["checkpoint"], []).append(float(row["predicted"]))
    assert list(predicted) == [row["checkpoint"] for row in rows]
    members = [predicted[str(path)] for path in checkpoints]
    assert members == [document["predicted"] for document in single]
    np.testing.assert_allclose(predicted["ensemble"], np.mean(members, axis=0))
    document = json.loads(cli(*both, "--json").stdout)
    assert document["predicted"] == predicted["ensemble"]
    assert (tmp_path / "out/predicted-against-true.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["r/fold-0/model.pt", "r/fold-1/model.pt"], ["fold-0", "fold-1"]),
        (["r/0/a.pt", "r/0/b.pt"], ["a.pt", "b.pt"]),
        (["r/0/a.pt", "/r/b.pt"], None),
        (["r/0/model.pt"], ["r/0/model.pt"]),
    ],
)
def test_names_of_checkpoints_fit_a_column(paths: list[str], names: list[str] | None) -> None:
    short = short_names(paths)
    assert short == names if names else len(set(short)) == len(paths)


def test_one_checkpoint_is_no_ensemble(cli: Cli, fisv: Path, tmp_path: Path) -> None:
    checkpoint = trained(fisv, SMALL)
    of = ("evaluate", "--config", "fisv-pcs", "--data-root", fisv, "--checkpoint", checkpoint)
    done = cli(*of, "--output", tmp_path / "out")
    assert done.exit_code == 0 and "ensemble" not in done.stdout
    assert len(table(tmp_path / "out/results.csv")) == 1
    assert len(table(tmp_path / "out/predictions.csv")) == TEST_VIDEOS
    assert json.loads((tmp_path / "out/results.json").read_text())["std"]["spearman"] is None
    seen = cli(*of, "--split", "train")
    assert seen.exit_code == 0 and "warning: --split train" in seen.stderr


def test_a_joint_model_gives_the_score_of_the_labels(cli: Cli, fisv: Path) -> None:
    checkpoint = trained(fisv, SMALL)
    of = ("evaluate", "--data-root", fisv, "--checkpoint", checkpoint)
    as_tes = cli(*of, "--config", "fisv-tes")
    assert as_tes.exit_code == 0
    assert f"{checkpoint}: learned tes and pcs; evaluated as tes, like fisv-tes" in as_tes.stdout
    documents = [
        json.loads(cli(*of, "--config", f"fisv-{s}", "--json").stdout) for s in ("tes", "pcs")
    ]
    assert [document["score"] for document in documents] == ["tes", "pcs"]
    # Its elements agree with the elements, which its components would not.
    tes, pcs = documents
    assert tes["spearman"] > 0.5 and pcs["spearman"] > 0.5
    crossed = abs(spearman(tes["predicted"], pcs["true"]))
    assert crossed < min(tes["spearman"], pcs["spearman"])


@pytest.mark.parametrize("overrides", [SMALL_PAPER, ["model.kind=ridge"]])
def test_labels_of_a_score_that_was_not_learned_are_refused(
    cli: Cli, fisv: Path, overrides: list[str]
) -> None:
    checkpoint = trained(fisv, overrides)
    of = ("evaluate", "--data-root", fisv, "--checkpoint", checkpoint)
    done = cli(*of, "--config", "fisv-tes")
    assert done.exit_code == 2 and done.stdout.count("Spearman") == 0
    assert done.stderr.startswith(
        f"error: {checkpoint} scores pcs, the labels of fisv-tes are tes: give a checkpoint of tes"
    )
    assert cli(*of, "--config", "fisv-pcs").exit_code == 0


def test_a_model_whose_score_has_no_name_is_evaluated_with_a_warning(
    cli: Cli, fisv: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "mine.csv"
    lines = [line.split() for line in (fisv / "train.txt").read_text().splitlines()]
    labels.write_text("id,score\n" + "".join(f"{name},{pcs}\n" for name, _, pcs, _ in lines))
    config = load_config("own", SMALL)
    folder = fisv / "swintx_avg_fps25_clip32"
    model = train(config, load_dataset(config, features=folder, labels=labels))
    checkpoint = save_checkpoint(model, tmp_path / "own.pt")
    done = cli("evaluate", "--config", "fisv-pcs", "--data-root", fisv, "--checkpoint", checkpoint)
    assert done.exit_code == 0 and "does not say what its scores are" in done.stderr


def test_what_the_paper_recipe_chose_is_marked_wherever_it_is_shown(
    cli: Cli, fisv: Path, tmp_path: Path
) -> None:
    checkpoint = trained(fisv, SMALL_PAPER)
    mark = "chosen on the evaluation split"
    done = cli(
        "evaluate", "--config", "fisv-pcs", "--data-root", fisv, "--checkpoint", checkpoint,
        "--output", tmp_path / "out",
    )  # fmt: skip
    # In the title of the table and in the line below it.
    assert " ".join(done.stdout.split()).count(f"epoch kept: {mark}") == 2
    assert json.loads((tmp_path / "out/results.json").read_text())["chosen_on"] == mark
    for name in ("results.csv", "predictions.csv"):
        assert {row["chosen_on"] for row in table(tmp_path / "out" / name)} == {mark}


def test_an_output_that_cannot_be_written_is_said_before_any_work(cli: Cli, fisv: Path) -> None:
    Path("file").write_text("not a folder")
    done = cli(
        "evaluate", "--config", "fisv-pcs", "--data-root", fisv, "--checkpoint", "fisv-pcs",
        "--output", "file",
    )  # fmt: skip
    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr == "error: file: cannot be written into (File exists)\n"
