"""``aqa-pipeline models``."""

from __future__ import annotations

from pipeline.cli.options import Json, Quiet, Version
from pipeline.workspace import Console


def models(
    json: Json = False,
    quiet: Quiet = False,
    version: Version = False,
) -> int:
    """The trained models that come with the package, for `score --checkpoint NAME`.

    Each with the features that it needs and how well it did on videos that it had
    not seen. What it is for and what not stands in its model card.
    """
    from pipeline.reports import print_models

    print_models(json, Console(quiet, json))
    return 0
