"""``aqa-pipeline evaluate``: its options, and what they come to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import DataRoot, Json, Quiet, Version
from pipeline.errors import UsageError
from pipeline.workspace import Console


def evaluate(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            help="A checkpoint or a shipped model's name; several are an ensemble. Default: the "
            "last trained."
        ),
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="Feature folder, here or at s3://...; with --labels.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Your own scores: a CSV with id,score[,split].")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="Instead of these: the config of a published data set, such as fisv-pcs."
        ),
    ] = None,
    data_root: DataRoot = None,
    split: Annotated[
        str | None,
        typer.Option(help="test or train. Default: test; all of --labels without splits."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for figures and predictions (JSON, CSV) and a plot of them."),
    ] = None,
    faithfulness: Annotated[
        bool,
        typer.Option(
            "--faithfulness",
            help="Instead: whether what it says of the clips is true (minutes).",
        ),
    ] = False,
    json: Json = False,
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

      aqa-pipeline evaluate --checkpoint model.pt --config fisv-pcs --faithfulness
    """
    from aqa.storage import as_place
    from pipeline.reports import print_agreement, print_truth, save_agreement, save_truth
    from pipeline.scoring import (
        evaluate_checkpoints,
        find_examples,
        measure_faithfulness,
        pick_checkpoints,
    )
    from pipeline.workspace import RunFolder, load_settings, require_writable
    from pipeline.workspace import data_root as find_data_root

    settings, console = load_settings(), Console(quiet, json)
    runs = RunFolder(settings.runs)
    last = runs.last_extraction()
    if labels is not None and features is None and last is not None and last.dataset is None:
        features = last.features
        console.note(f"features: {features}, extracted last ({last.finished}); others: --features")
    if (labels is None) == (config is None) or (features is None and labels is not None):
        raise UsageError("give either --features DIR with --labels FILE, or --config NAME")
    checkpoints = checkpoint or pick_checkpoints(None, runs, console)
    if output is not None:
        require_writable(output)
    root = find_data_root(data_root, settings) if config else None
    folder = as_place(features) if features else None
    labelled = find_examples(config, root, folder, labels, split, console)
    if faithfulness:
        truth = measure_faithfulness(checkpoints, labelled, console)
        print_truth(truth, json, console)
        if output is not None:
            save_truth(truth, output)
            console.note(f"figures and plot: {output}")
        return 0
    agreement = evaluate_checkpoints(checkpoints, labelled, console)
    print_agreement(agreement, json, console)
    if output is not None:
        save_agreement(agreement, output)
        console.note(f"figures, predictions and plot: {output}")
    return 0
