import json
import os
from dataclasses import replace

import numpy as np
import pytest

from aqa import AqaError
from aqa.data.dataset import Example
from aqa.experiments.evaluation import Evaluation
from aqa.experiments.folds import make_folds
from aqa.experiments.runs import RunResult, finished_result, plan, run
from aqa.experiments.table import save_results, summarise


def examples(count):
    return [Example(f"v{n}", float(n), f"v{n}.npy") for n in range(count)]


def test_numbered_folds_are_alike_and_hold_each_video_once():
    folds = make_folds(examples(10), 3)
    assert list(folds) == ["0", "1", "2"]
    held_out = [example.id for _, part in folds.values() for example in part]
    assert sorted(held_out) == sorted(example.id for example in examples(10))
    for training, part in folds.values():
        assert not set(training) & set(part) and len(training) + len(part) == 10
        assert np.mean([example.score for example in part]) == pytest.approx(4.5, abs=1.5)


def test_folds_come_from_a_file(shared, tmp_path):
    (tmp_path / "folds.csv").write_text("id,fold\nv0,a\nv1,b\nv2,a\n")
    folds = make_folds(examples(3), tmp_path / "folds.csv")
    assert [example.id for example in folds["a"][1]] == ["v0", "v2"]
    with pytest.raises(AqaError, match="gives no fold for v3, v4"):
        make_folds(examples(5), tmp_path / "folds.csv")
    assert len((shared / "data/fisv/folds.csv").read_text().splitlines()) == 401


@pytest.mark.parametrize(
    "text, message",
    [
        ("id,part\nv0,1\n", "expected the columns id,fold"),
        ("id,fold\nv0,1\nv0,2\nv1,1\n", "names videos twice: v0"),
        ("id,fold\nv0,../x\nv1,1\n", "'../x' is no name"),
        ("id,fold\nv0,1\nv1,1\n", "all videos are in fold 1"),
    ],
)
def test_bad_fold_files_are_refused(tmp_path, text, message):
    (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(AqaError, match=message):
        make_folds(examples(2), tmp_path / "folds.csv")
    with pytest.raises(AqaError, match="3 folds of 2 videos"):
        make_folds(examples(2), 3)


def test_folds_and_seeds_give_one_table_and_resume(small_config, small_dataset, tmp_path):
    runs = plan(small_config(), small_dataset, tmp_path, seeds=[0, 1], folds=2)
    assert [(task.fold, task.seed) for task in runs] == [("0", 0), ("0", 1), ("1", 0), ("1", 1)]
    assert not set(runs[0].dataset.train) & set(runs[0].dataset.test)
    assert not {example.id for task in runs for example in task.dataset.test} & {
        example.id for example in small_dataset.test
    }
    results = [run(task) for task in runs]

    epochs = []
    again = [run(task, on_epoch=epochs.append) for task in runs]
    assert not epochs and again == results
    (runs[1].folder / "result.json").unlink()  # as a killed run leaves it
    assert run(runs[1], on_epoch=epochs.append) == results[1] and len(epochs) == 3
    other = plan(small_config(epochs=2), small_dataset, tmp_path, folds=2)[0]
    run(other, on_epoch=epochs.append)
    assert len(epochs) == 5  # another config is another run

    table = summarise(results)
    table.save(tmp_path)
    content = json.loads((tmp_path / "results.json").read_text())
    assert len(content["runs"]) == 4 and content["chosen_on"] == "last epoch"
    assert content["mean"]["spearman"] == pytest.approx(
        np.mean([result.evaluation.spearman for result in results])
    )
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 5
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 1 + 2 * 30


def test_a_copy_of_the_data_is_the_same_data_and_other_data_are_not(
    small_config, small_dataset, tmp_path
):
    task = plan(small_config(), small_dataset, tmp_path)[0]
    first, epochs = run(task), []
    path = task.dataset.train[0].features_path
    os.utime(path, (1, 1))
    assert run(task, on_epoch=epochs.append) == first and not epochs
    features = np.load(path)
    np.save(path, features[::-1])
    os.utime(path, (2, 2))
    run(task, on_epoch=epochs.append)
    assert len(epochs) == 3
    train = (replace(task.dataset.train[0], score=1.0, all_scores=()), *task.dataset.train[1:])
    run(replace(task, dataset=replace(task.dataset, train=train)), on_epoch=epochs.append)
    assert len(epochs) == 6


def test_data_that_change_during_a_training_are_not_what_it_was_trained_on(
    small_config, small_dataset, tmp_path
):
    task = plan(small_config(), small_dataset, tmp_path)[0]
    path = task.dataset.train[0].features_path
    before = path.read_bytes()

    def change(report):
        if report.epoch == 2:
            np.save(path, np.load(path)[::-1])
            os.utime(path, (2, 2))

    first = run(task, on_epoch=change)
    assert finished_result(task) is None
    path.write_bytes(before)
    assert finished_result(task) == first


def test_a_damaged_checkpoint_is_trained_again(small_config, small_dataset, tmp_path):
    task = plan(small_config(), small_dataset, tmp_path)[0]
    assert task.fold == "test"
    first = run(task)
    (task.folder / "model.pt").write_bytes(b"half")
    assert run(task) == first


def test_the_paper_recipe_is_marked_in_the_table(small_config, small_dataset, tmp_path):
    config = small_config("paper", epochs=2)
    results = [run(task) for task in plan(config, small_dataset, tmp_path, folds=2)]
    table = summarise(results)
    assert table.chosen_on == "chosen on the evaluation split"
    for rows in (table.rows, table.predictions):
        assert {row["chosen_on"] for row in rows} == {table.chosen_on}


def test_deviations_are_over_folds_and_over_seeds():
    def result(fold, seed, error):
        true = [1.0, 2.0, 3.0, 4.0]
        predicted = [value + error for value in true]
        evaluation = Evaluation.of("abcd", predicted, true)
        return RunResult(fold, seed, "model.pt", "last epoch", 1, evaluation)

    table = summarise([result("0", 0, 1), result("0", 1, 3), result("1", 0, 2), result("1", 1, 6)])
    name = "mean_absolute_error"
    assert table.mean[name] == pytest.approx(3)
    assert table.std_over_folds[name] == pytest.approx(np.std([2, 4], ddof=1))
    assert table.std_over_seeds[name] == pytest.approx(np.std([1.5, 4.5], ddof=1))
    alone = summarise([result("0", 0, 1)])
    assert np.isnan(alone.std_over_folds[name]) and alone.mean["spearman"] == pytest.approx(1)


def test_seeds_must_differ(small_config, small_dataset, tmp_path):
    with pytest.raises(AqaError, match="expected different numbers"):
        plan(small_config(), small_dataset, tmp_path, seeds=[1, 1])


@pytest.mark.parametrize("spoil", ["nan", "width"])
def test_the_features_of_the_test_split_are_read_before_the_first_epoch(
    small_config, small_dataset, tmp_path, spoil
):
    path = small_dataset.test[-1].features_path
    features = np.load(path)
    np.save(path, np.full_like(features, np.nan) if spoil == "nan" else features[:, :-1])
    (task,) = plan(small_config(), small_dataset, tmp_path)
    with pytest.raises(AqaError, match=f"{path.name}: (NaN or infinity|features are)"):
        run(task, on_epoch=lambda *_: pytest.fail("it trained"))
    assert not list(tmp_path.rglob("*.pt"))


def test_names_in_a_table_are_no_formulas_and_need_not_be_utf_8(tmp_path):
    names = ["=1+1", "-dash", "@x", "caf\udce9", "plain-1"]
    rows = [{"id": name, "score": -1.5} for name in names]
    save_results(tmp_path, {}, rows, rows)
    written = (tmp_path / "predictions.csv").read_text().splitlines()
    assert written == [
        "id,score", "'=1+1,-1.5", "'-dash,-1.5", "'@x,-1.5", r"caf\udce9,-1.5", "plain-1,-1.5",
    ]  # fmt: skip
