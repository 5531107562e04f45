"""A working directory: its aqa.yaml, the memory of its runs folder, what a person sees."""

import lazy_loader

from pipeline.workspace.console import Console, Ticker, clock, counted, shown, two_digits
from pipeline.workspace.run_folder import (
    LastExtraction,
    LastTraining,
    RunFolder,
    now,
    require_writable,
)

# They need pydantic and yaml, which --help can do without.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "settings": [
            "GPUS_PER_WORKER",
            "OBJECT_STORE_GIB",
            "STANDSTILL_S",
            "Settings",
            "data_root",
            "load_settings",
        ],
    },
)
__all__ = [
    "GPUS_PER_WORKER",
    "OBJECT_STORE_GIB",
    "STANDSTILL_S",
    "Console",
    "LastExtraction",
    "LastTraining",
    "RunFolder",
    "Settings",
    "Ticker",
    "clock",
    "counted",
    "data_root",
    "load_settings",
    "now",
    "require_writable",
    "shown",
    "two_digits",
]
