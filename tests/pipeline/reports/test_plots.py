"""What the plots of a training show, read off their axes."""

from __future__ import annotations

import pytest

from aqa import load_config
from aqa.experiments.evaluation import Evaluation
from aqa.experiments.runs import RunResult
from aqa.experiments.table import summarise
from pipeline.reports.plots import agreement_figure, learning_figure
from pipeline.reports.training import held_out_videos, plot_title


def history(losses: list[float], **figures: list[float]) -> list[dict[str, float]]:
    return [
        {"epoch": epoch + 1, "total": loss, **{name: row[epoch] for name, row in figures.items()}}
        for epoch, loss in enumerate(losses)
    ]


def test_learning_curves_of_each_training_and_their_mean() -> None:
    figure = learning_figure([history([4.0, 2.0]), history([2.0, 1.0])], "two")
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[4, 2], [2, 1], [3, 1.5]]
    first, _, mean = axes.lines
    assert first.get_linewidth() < 1 < mean.get_linewidth() and mean.get_label() == "mean"
    (alone,) = learning_figure([history([4.0, 2.0])], "one").axes
    assert len(alone.lines) == 1 and alone.get_legend() is None


def test_figures_of_the_evaluation_split_are_labelled_as_what_they_are() -> None:
    figure = learning_figure([history([4.0, 2.0], spearman=[0.1, 0.3])], "paper")
    losses, choice = figure.axes
    assert losses.get_title(loc="left") == "paper"
    assert choice.get_title(loc="left") == "chosen on the evaluation split"
    assert list(choice.lines[0].get_ydata()) == [0.1, 0.3]


def test_agreement_shows_each_held_out_video_once_with_its_mean_over_seeds(tmp_path) -> None:
    true = {"0": (1.0, 2.0, 3.0), "1": (4.0, 5.0, 6.0)}
    results = [
        RunResult(
            fold=fold,
            seed=seed,
            checkpoint=tmp_path / "model.pt",
            chosen_on="last epoch",
            epochs=1,
            evaluation=Evaluation.of(
                [f"{fold}{n}" for n in range(3)], [score + seed for score in scores], scores
            ),
        )
        for fold, scores in true.items()
        for seed in (0, 1)
    ]
    table = summarise(results)
    videos = held_out_videos(table)
    assert videos.folds == ("0", "0", "0", "1", "1", "1")
    assert videos.true == (1, 2, 3, 4, 5, 6) and videos.predicted == (1.5, 2.5, 3.5, 4.5, 5.5, 6.5)

    title = plot_title(table, len(videos.true), load_config("own"))
    assert title.splitlines() == [
        "own: 6 held-out videos",
        "Spearman 1.000 (mean over 2 folds and 2 seeds)",
        "epoch kept: last epoch",
    ]
    figure = agreement_figure(videos.predicted, videos.true, title, groups=videos.folds)
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1"]
    plain = agreement_figure(videos.predicted, videos.true, title)
    assert plain.axes[0].get_legend() is None
    assert plain.axes[0].collections[0].get_offsets()[0].tolist() == pytest.approx([1.0, 1.5])
