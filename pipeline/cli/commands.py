"""The command line: the commands in the order of the work.

Exit status: 0 all done; 1 one or more inputs failed (each named); 2 wrong usage or configuration.
Heavy libraries are imported inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
import threading

import typer

from pipeline.cli.compare import compare
from pipeline.cli.data import data
from pipeline.cli.demo import demo
from pipeline.cli.evaluate import evaluate
from pipeline.cli.extract import extract
from pipeline.cli.models import models
from pipeline.cli.options import Version, guarded
from pipeline.cli.score import score
from pipeline.cli.serve import serve
from pipeline.cli.train import train

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
    try:
        app()
    except SystemExit as ending:
        if ending.code and any(thread.daemon for thread in threading.enumerate()):
            # Threads that compute are not waited for, and must not find the interpreter gone.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ending.code if isinstance(ending.code, int) else 1)
        raise


@app.callback()
def _root(version: Version = False) -> None:
    """From raw sport footage to scores that say where the points were won and lost.

    Three commands, one after the other:

      aqa-pipeline extract --dataset logo     footage to features

      aqa-pipeline train                      features to a scorer

      aqa-pipeline score video.mp4            a video to a score

    Defaults for all of them may stand in a file aqa.yaml in the working directory.
    """


for command in (extract, train, evaluate, score, compare, serve, demo):
    app.command()(guarded(command, resumes=command not in (evaluate, demo)))
app.add_typer(models)
app.add_typer(data)
