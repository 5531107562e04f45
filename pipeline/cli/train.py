"""``aqa-pipeline train``: its options, and what they come to."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import (
    NO_RAY,
    DataRoot,
    Device,
    Quiet,
    RayAddress,
    Version,
    chosen_device,
    integers,
)
from pipeline.errors import UsageError
from pipeline.workspace import Console

if TYPE_CHECKING:
    from aqa import AqaDataset
    from pipeline.training import TrainingData
    from pipeline.workspace import RunFolder, Settings

CALIBRATION_FOLDS = 5


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
        typer.Option(
            help="Feature folder, here or at s3://... Default: that extracted last, or where the "
            "layout of the data set has it."
        ),
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
    ] = CALIBRATION_FOLDS,
    only_fold: Annotated[
        str | None, typer.Option(help="Train only with this fold held out.")
    ] = None,
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
    from aqa.storage import as_place
    from pipeline.cluster import RayOptions
    from pipeline.training import Request, choose_data, run_training
    from pipeline.workspace import RunFolder, load_settings, require_writable

    settings, console = load_settings(), Console(quiet)
    if calibration_folds == 1:
        raise UsageError("--calibration-folds 1: expected 0 or at least 2")
    if init_config is not None:
        return _write_config(config, set_ or [], init_config, console)
    runs = RunFolder(settings.runs)
    data = choose_data(
        config=config,
        overrides=set_ or [],
        data_root=data_root,
        features=as_place(features) if features else None,
        labels=labels,
        last=runs.last_extraction(),
        console=console,
    )
    numbers = integers("--seeds", seeds)
    dataset = _load(data, settings, console)
    ray_options = None if ray_address == NO_RAY else RayOptions(ray_address, workers)
    chosen = chosen_device(device, settings, ray_options)
    with nullcontext(output) if output else runs.new_run(data.config.name) as folder:
        require_writable(folder)
        request = Request(
            output=folder,
            seeds=numbers,
            folds=int(folds) if folds is not None and folds.isdecimal() else folds,
            only_fold=only_fold,
            calibration_folds=calibration_folds,
            device=chosen,
            ray=ray_options,
        )
        checkpoint = run_training(dataset, data.config, request, console)
    console.result(f"run folder: {folder}")
    _remember(checkpoint, data.config.name, runs, console)
    return 0


def _write_config(config: str | None, overrides: list[str], path: Path, console: Console) -> int:
    from aqa import load_config
    from pipeline.training import write_template

    write_template(load_config(config or "own", overrides), path)
    console.result(f"{path} written: change it, then train with --config {path}")
    return 0


def _load(data: TrainingData, settings: Settings, console: Console) -> AqaDataset:
    from aqa import load_dataset
    from pipeline.workspace import data_root as find_data_root

    root = data.data_root
    if root is None and data.config.dataset.known.below_root:
        root = find_data_root(None, settings)
    dataset = load_dataset(data.config, root, features=data.features, labels=data.labels)
    for line in dataset.notes:
        console.note(line)
    return dataset


def _remember(checkpoint: Path | None, name: str, runs: RunFolder, console: Console) -> None:
    """What ``score`` takes when it is not told anything else."""
    from pipeline.workspace import LastTraining, now

    if checkpoint is None:
        console.note(
            "cross-validation trains no scorer on all the data: for `score`, train without --folds"
        )
        return
    runs.remember(LastTraining(name, str(checkpoint.resolve()), now()))
    console.result(f"checkpoint: {checkpoint}")
