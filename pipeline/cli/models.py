"""``aqa-pipeline models``: those that come with the package, and models that travel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Json, Quiet, Version, guarded
from pipeline.workspace import Console

models = typer.Typer(
    name="models",
    invoke_without_command=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@models.callback()
def _models(
    context: typer.Context, json: Json = False, quiet: Quiet = False, version: Version = False
) -> None:
    """The trained models that come with the package, for `score --checkpoint NAME`.

    Each with the features that it needs and how well it did on videos that it had
    not seen. What it is for and what not stands in its model card.
    """
    if context.invoked_subcommand is None:
        guarded(_list)(json, quiet)


def _list(json: bool, quiet: bool) -> int:
    from pipeline.reports import print_models

    print_models(json, Console(quiet, json))
    return 0


def export(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A checkpoint, or a shipped model's name.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Also model.onnx, for programs without torch.")
    ] = False,
    quiet: Quiet = False,
) -> int:
    """A model as a folder that travels: config.json, model.safetensors and a card.

    `--checkpoint` takes such a folder, and `org/name@revision` once it lies on the
    hub. Reading it runs no code.
    """
    from aqa.checkpoints import export_folder, export_onnx, load_checkpoint

    model = load_checkpoint(checkpoint)
    export_folder(model, folder, checkpoint.stem)
    if onnx:
        export_onnx(model, folder / "model.onnx")
    more = ", model.onnx" if onnx else ""
    Console(quiet).result(
        f"{folder}: config.json, model.safetensors{more}, README.md (fill in its end)"
    )
    return 0


models.command("export")(guarded(export))
