"""``aqa-pipeline train``: features to a scorer, or to a table over folds and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aqa import AqaDataset, ExperimentConfig, load_config, save_checkpoint, train
from aqa.experiment import Run, RunResult, Table, plan, run, summarise
from aqa.loop import EpochReport
from pipeline.console import Console, Ticker
from pipeline.errors import UsageError
from pipeline.plots import agreement_figure, save_png
from pipeline.run_folder import LastExtraction

FEW_VIDEOS = 10
# The config that a bare `train` takes after `extract --dataset ...`, and its siblings.
DATASET_CONFIGS = {
    "logo": ("logo",),
    "fisv": ("fisv-tes", "fisv-pcs"),
    "rg": ("rg-ball", "rg-clubs", "rg-hoop", "rg-ribbon"),
}


@dataclass(frozen=True)
class Sources:
    """The experiment, and where its labels and features lie (None: where its layout has them)."""

    config: ExperimentConfig
    data_root: Path | None
    features: Path | None
    labels: Path | None


def choose_sources(
    *,
    config: str | None,
    overrides: Sequence[str],
    data_root: Path | None,
    features: Path | None,
    labels: Path | None,
    last: LastExtraction | None,
    console: Console,
) -> Sources:
    """The experiment to run: as the options say, else the data set that was extracted last.

    Says in one line what it picked. Raises UsageError where neither says what to train on.
    """
    if config is None and labels is not None:
        chosen = load_config("own", overrides)
    elif config is None:
        if last is None:
            raise UsageError(
                "nothing extracted yet: run `aqa-pipeline extract --dataset ...` first, "
                "or give --config NAME with --data-root DIR, or --labels FILE with --features DIR"
            )
        if last.dataset is None:
            raise UsageError(
                f"the last extraction was your own footage ({last.features}): "
                "give its scores with --labels FILE (columns id,score[,split])"
            )
        name, *siblings = DATASET_CONFIGS[last.dataset]
        others = f"; others: --config {', '.join(siblings)}" if siblings else ""
        console.note(
            f"config: {name}, for {last.dataset}, extracted last ({last.finished}){others}"
        )
        chosen = load_config(name, overrides)
    else:
        chosen = load_config(config, overrides)
    if last is not None and features is None and data_root is None:
        same = last.dataset == chosen.dataset.kind
        if same or (last.dataset is None and chosen.dataset.kind == "csv"):
            features = Path(last.features)
            data_root = Path(last.data_root) if last.data_root else None
            console.note(f"features: {features}, extracted last ({last.finished})")
    return Sources(chosen, data_root, features, labels)


def run_training(
    dataset: AqaDataset,
    config: ExperimentConfig,
    output: Path,
    console: Console,
    *,
    seeds: Sequence[int],
    folds: int | Path | None,
    only_fold: str | None,
    device: str,
) -> Path | None:
    """Trains everything that was asked for into ``output``; returns the checkpoint to score with.

    With folds there is none: their models have not seen all the training data.
    """
    if folds is None and not dataset.test:
        return _train_all(dataset, config, output, console, seeds, device)
    runs = plan(config, dataset, output, seeds=seeds, folds=folds, device=device)
    if only_fold is not None:
        names = sorted({task.fold for task in runs})
        runs = [task for task in runs if task.fold == only_fold]
        if not runs:
            raise UsageError(f"--only-fold {only_fold}: the folds are {', '.join(names)}")
    results = _run_all(runs, console)
    table = summarise(results)
    table.save(output)
    for result in results:
        evaluation = result.evaluation
        title = (
            f"{config.name}, held out: {result.fold}, seed {result.seed}\n"
            f"Spearman {evaluation.spearman:.3f}, {len(evaluation.ids)} videos"
        )
        figure = agreement_figure(evaluation.predicted, evaluation.true, title)
        save_png(figure, result.checkpoint.parent / "predicted-against-true.png")
    show_table(table, config, console)
    return results[0].checkpoint if folds is None else None


def _run_all(runs: Sequence[Run], console: Console) -> list[RunResult]:
    results = []
    epochs = sum(task.config.training.epochs for task in runs)
    with console.progress("train", epochs, "epochs") as progress:
        for task in runs:
            before = progress.done
            where = f"held out {task.fold}, "
            results.append(run(task, partial(_tick, progress, where=where, seed=task.seed)))
            # A run that was finished before reports no epochs.
            progress.advance(by=task.config.training.epochs - (progress.done - before))
    return results


def _train_all(
    dataset: AqaDataset,
    config: ExperimentConfig,
    output: Path,
    console: Console,
    seeds: Sequence[int],
    device: str,
) -> Path:
    paths = []
    with console.progress("train", config.training.epochs * len(seeds), "epochs") as progress:
        for seed in seeds:
            folder = output / f"seed-{seed}"
            model = train(
                config,
                dataset,
                seed=seed,
                device=device,
                on_epoch=partial(_tick, progress, where="", seed=seed),
                log_dir=folder / "tensorboard",
            )
            paths.append(save_checkpoint(model, folder / "model.pt"))
    return paths[0]


def _tick(progress: Ticker, report: EpochReport, where: str, seed: int) -> None:
    progress.advance(f"{where}seed {seed}, loss {report.losses['total']:.3f}")


def show_table(table: Table, config: ExperimentConfig, console: Console) -> None:
    """Each run, then mean and standard deviation; how the epoch was chosen is part of the title."""
    rows = [
        (
            str(row["fold"]),
            str(row["seed"]),
            str(row["videos"]),
            f"{row['spearman']:.3f}",
            f"{100 * row['relative_l2']:.2f}",
            f"{row['kendall']:.3f}",
            f"{row['mean_absolute_error']:.2f}",
        )
        for row in table.rows
    ]
    mean, spread = table.mean, table.std_over_folds
    if len(rows) > 1:
        over = "folds" if len({row[0] for row in rows}) > 1 else "seeds"
        spread = spread if over == "folds" else table.std_over_seeds
        rows.append(("mean", "", "", *_figures(mean)))
        rows.append((f"std over {over}", "", "", *_figures(spread)))
    title = f"{config.name}, {config.training.epochs} epochs, epoch kept: {table.chosen_on}"
    columns = ["held out", "seed", "videos", "Spearman", "R-l2 x100", "Kendall", "MAE (points)"]
    console.table(title, columns, rows)
    fewest = min(row["videos"] for row in table.rows)
    if fewest < FEW_VIDEOS:
        console.warn(f"{fewest} held-out videos are too few to tell anything from a correlation")
        return
    low, high = table.spearman_interval
    console.result(f"Spearman {mean['spearman']:.3f} (95 % bootstrap {low:.3f} to {high:.3f})")


def _figures(values: dict[str, float]) -> tuple[str, str, str, str]:
    return (
        f"{values['spearman']:.3f}",
        f"{100 * values['relative_l2']:.2f}",
        f"{values['kendall']:.3f}",
        f"{values['mean_absolute_error']:.2f}",
    )
