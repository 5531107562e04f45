"""Which checkpoint a command takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aqa.checkpoints import is_hub_name, shipped_models
from pipeline.errors import UsageError
from pipeline.workspace import Console, RunFolder


def pick_checkpoints(
    options: Sequence[Path] | None, runs: RunFolder, console: Console
) -> list[Path]:
    """Each ``--checkpoint``: a file, a folder, a shipped model's name, or one of the hub; else the
    one that was trained last here, and says which."""
    for option in options or ():
        known = option.exists() or is_hub_name(str(option))
        if not known and str(option) not in (shipped := shipped_models()):
            raise UsageError(
                f"--checkpoint {option}: no such file; shipped models are {', '.join(shipped)}"
            )
    if options:
        if len(set(options)) < len(options):
            raise UsageError("--checkpoint: the same one twice")
        return list(options)
    last = runs.last_training()
    if last is None:
        raise UsageError(
            f"nothing trained yet in {runs.root}: run `aqa-pipeline train` first, or give "
            f"--checkpoint with a file or a shipped model ({', '.join(shipped_models())})"
        )
    if not Path(last.checkpoint).is_file():
        raise UsageError(f"the last trained checkpoint {last.checkpoint} is gone: train again")
    console.note(f"checkpoint: {last.checkpoint} ({last.config}, trained last, {last.finished})")
    return [Path(last.checkpoint)]
