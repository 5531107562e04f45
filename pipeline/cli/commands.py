"""The command line: options, defaults from aqa.yaml, one-line errors, exit status.

Exit status: 0 all done; 1 one or more inputs failed (each named); 2 wrong usage or configuration.
Heavy libraries are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extractors.readers.file_names import FRAME_RATE
from pipeline.cli.extract import extract
from pipeline.cli.options import (
    Backbone,
    DataRoot,
    Device,
    FrameRate,
    Quiet,
    RayAddress,
    Version,
    Weights,
    chosen_device,
    guarded,
    integers,
)
from pipeline.errors import UsageError
from pipeline.workspace.console import Console
from pipeline.workspace.settings import data_root as find_data_root
from pipeline.workspace.settings import load_settings

app = typer.Typer(
    name="aqa-pipeline",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the console script."""
    app()


@app.callback()
def _root(version: Version = False) -> None:
    """From raw sport footage to scores that say where the points were won and lost.

    Three commands, one after the other:

      aqa-pipeline extract --dataset logo     footage to features

      aqa-pipeline train                      features to a scorer

      aqa-pipeline score video.mp4            a video to a score

    Defaults for all of them may stand in a file aqa.yaml in the working directory.
    """


app.command()(guarded(extract))


@app.command()
@guarded
def train(
    config: Annotated[
        str | None,
        typer.Option(
            help="A YAML file, or a shipped experiment such as fisv-pcs. Default: that "
            "of the data set extracted last."
        ),
    ] = None,
    data_root: DataRoot = None,
    features: Annotated[
        str | None,
        typer.Option(help="Feature folder (or s3://...), where it is not where the layout has it."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Your own scores: a CSV with id,score[,split].")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a config key: training.epochs=10."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Comma-separated; one training each.")] = "0",
    folds: Annotated[
        str | None,
        typer.Option(help="Cross-validate on the training videos: a number, or a CSV of id,fold."),
    ] = None,
    calibration_folds: Annotated[
        int,
        typer.Option(
            min=0,
            help="Folds whose errors give the scorer its intervals (from 20 training videos on); "
            "0: no intervals.",
        ),
    ] = 5,
    only_fold: Annotated[str | None, typer.Option(help="Of the folds, hold out only this.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Run folder. Default: runs/CONFIG-DATE-TIME. Finished runs in it stay."),
    ] = None,
    device: Device = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings at once. Default: as many as there is room for."),
    ] = None,
    ray_address: RayAddress = None,
    init_config: Annotated[
        Path | None,
        typer.Option(help="Train nothing; write a commented config to this new file, to change."),
    ] = None,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """Features to a scorer; or, with --folds, to an honest table of how well it does.

    Every number states its split, seed and how the epoch was chosen. The test
    videos are looked at once, after the training. Several folds and seeds are
    spread over Ray, on this machine or a cluster. The same command with the same
    --output goes on after an interruption, to the same weights. Table, plots and
    tensorboard logs lie in the run folder.

    Examples:

      aqa-pipeline train

      aqa-pipeline train --config fisv-pcs --folds 5 --seeds 0,1,2

      aqa-pipeline train --labels scores.csv --features features/videos

      aqa-pipeline train --init-config mine.yaml
    """
    from aqa import load_config, load_dataset
    from aqa.storage.places import as_place
    from pipeline.cluster.session import RayOptions
    from pipeline.training.template import write_template
    from pipeline.training.train import Request, choose_sources, run_training
    from pipeline.workspace.run_folder import LastTraining, RunFolder, now, require_writable

    settings, console = load_settings(), Console(quiet)
    if calibration_folds == 1:
        raise UsageError("--calibration-folds 1: expected 0 or at least 2")
    if init_config is not None:
        write_template(load_config(config or "own", set_ or []), init_config)
        console.result(f"{init_config} written: change it, then train with --config {init_config}")
        return 0
    runs = RunFolder(settings.runs)
    sources = choose_sources(
        config=config,
        overrides=set_ or [],
        data_root=data_root,
        features=as_place(features) if features else None,
        labels=labels,
        last=runs.last_extraction(),
        console=console,
    )
    numbers = integers("--seeds", seeds)
    split = int(folds) if folds is not None and folds.isdecimal() else folds
    root = sources.data_root
    if root is None and sources.config.dataset.kind != "csv":
        root = find_data_root(None, settings)
    dataset = load_dataset(sources.config, root, features=sources.features, labels=sources.labels)
    for line in dataset.notes:
        console.note(line)
    output = output or runs.new_run(sources.config.name)
    require_writable(output)
    request = Request(
        output=output,
        seeds=numbers,
        folds=split,
        only_fold=only_fold,
        calibration_folds=calibration_folds,
        device=chosen_device(device, settings),
        ray=RayOptions(ray_address, workers),
    )
    checkpoint = run_training(dataset, sources.config, request, console)
    console.result(f"run folder: {output}")
    if checkpoint is None:
        console.note(
            "cross-validation trains no scorer on all the data: for `score`, train without --folds"
        )
    else:
        runs.remember(LastTraining(sources.config.name, str(checkpoint.resolve()), now()))
        console.result(f"checkpoint: {checkpoint}")
    return 0


@app.command()
@guarded
def evaluate(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            help="A checkpoint or a shipped model's name; several are an ensemble. Default: the "
            "last trained."
        ),
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="Feature folder (or s3://...), with --labels.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV with id,score[,split].")] = None,
    config: Annotated[str | None, typer.Option(help="Or a published data set's config.")] = None,
    data_root: DataRoot = None,
    split: Annotated[
        str | None,
        typer.Option(help="test or train. Default: test; all of --labels without splits."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for figures and predictions (JSON, CSV) and a plot of them."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document, nothing else.")] = False,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """How well a checkpoint's scores agree with the judges'.

    Spearman with its 95 % bootstrap interval, R-l2, Kendall's tau and the mean
    absolute error, over the videos of a split. Several checkpoints are an ensemble:
    their scores are averaged, and each one's own figures stand beside the ensemble's.

    Examples:

      aqa-pipeline evaluate --checkpoint model.pt --config fisv-pcs

      aqa-pipeline evaluate --features features/videos --labels scores.csv --output results
    """
    from aqa.storage.places import as_place
    from pipeline.reports.terminal import print_agreement
    from pipeline.scoring.agreement import evaluate_checkpoints, find_examples
    from pipeline.scoring.scorer import pick_checkpoint
    from pipeline.workspace.run_folder import RunFolder, require_writable

    settings, console = load_settings(), Console(quiet, json)
    runs = RunFolder(settings.runs)
    last = runs.last_extraction()
    if labels is not None and features is None and last is not None and last.dataset is None:
        features = last.features
        console.note(f"features: {features}, extracted last ({last.finished}); others: --features")
    if (labels is None) == (config is None) or (features is None and labels is not None):
        raise UsageError("give either --features DIR with --labels FILE, or --config NAME")
    checkpoints = checkpoint or [pick_checkpoint(None, runs, console)]
    if output is not None:
        require_writable(output)
    root = find_data_root(data_root, settings) if config else None
    folder = as_place(features) if features else None
    labelled = find_examples(config, root, folder, labels, split, console)
    agreement = evaluate_checkpoints(checkpoints, labelled, console)
    print_agreement(agreement, json, console)
    if output is not None:
        agreement.save(output)
        console.note(f"figures, predictions and plot: {output}")
    return 0


@app.command()
@guarded
def score(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="VIDEO...", help="Videos, folders, or feature .npy files."),
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A trained checkpoint, or a shipped model's name (see `models`). Default: the one "
            "trained last here."
        ),
    ] = None,
    backbone: Backbone = None,
    weights: Weights = None,
    start: Annotated[
        float | None, typer.Option(help="Assess from this second of the video on.")
    ] = None,
    end: Annotated[float | None, typer.Option(help="Assess up to this second.")] = None,
    frame_rate: FrameRate = FRAME_RATE,
    json: Annotated[bool, typer.Option("--json", help="One JSON document, nothing else.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Also write a self-contained HTML page here.")
    ] = None,
    device: Device = None,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """A video to a score, and where in it the points were won and lost.

    The backbone, weights and protocol are those that the checkpoint was trained
    on. Features of a video are kept, so that scoring it again is quick.

    Examples:

      aqa-pipeline score video.mp4

      aqa-pipeline score videos/ --checkpoint model.pt --report report.html
    """
    from extractors.readers.file_names import VIDEO_SUFFIXES
    from pipeline.footage.videos import collect
    from pipeline.reports.terminal import print_json, show_result
    from pipeline.scoring.scorer import FEATURE_SUFFIX, Scorer, pick_checkpoint, score_all
    from pipeline.workspace.run_folder import RunFolder, require_writable

    settings, console = load_settings(), Console(quiet, json)
    found, failures = collect(inputs, VIDEO_SUFFIXES | {FEATURE_SUFFIX}, frame_rate)
    scorer = Scorer(
        pick_checkpoint(checkpoint, RunFolder(settings.runs), console),
        device=chosen_device(device, settings),
        backbone=backbone or settings.backbone,
        weights=weights or settings.weights,
        cache=settings.features / "scored",
        console=console,
    )
    if report is not None:
        require_writable(report.parent)
    scorer.prepare(found, start, end)
    results, failed = score_all(scorer, found, start_s=start, end_s=end)
    failures += failed
    if json:
        print_json(results, failures)
    else:
        for result in results:
            show_result(result, console)
    console.failures(failures)
    if report is not None:
        from pipeline.reports.page import write_report

        write_report(report, results, failures)
        console.note(f"report: {report}")
    return 1 if failures else 0


@app.command()
@guarded
def models(
    json: Annotated[bool, typer.Option("--json", help="One JSON document, nothing else.")] = False,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """The trained models that come with the package, for `score --checkpoint NAME`.

    Each with the features that it needs and how well it did on videos that it had
    not seen. What it is for and what not stands in its model card.
    """
    from pipeline.reports.terminal import print_models

    print_models(json, Console(quiet, json))
    return 0


@app.command()
@guarded
def demo(
    output: Annotated[Path, typer.Option(help="Folder to leave everything in.")] = Path("demo-run"),
    seed: Annotated[int, typer.Option(help="Seed of the drawn data and of the training.")] = 0,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """Everything once, on drawn footage: raw video to features to scorer to report.

    Draws ribbon routines whose true scores are known, encodes them as video
    files, extracts features with a small Video Swin (random weights), trains,
    evaluates on held-out routines, and scores one of them. A few minutes on two
    cores; needs no data and no GPU.
    """
    from pipeline.demo.run import run_demo

    run_demo(output, Console(quiet), seed=seed)
    return 0
