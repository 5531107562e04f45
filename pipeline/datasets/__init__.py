"""The published data sets on this machine: what is there, whether it is whole, how it comes in."""

import lazy_loader

# They need numpy and the readers of video.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "checking": ["Report", "check_dataset", "differences", "read_report"],
        "exporting": ["Format", "export", "restore", "samples_of"],
        "parts": ["every_part"],
        "importing": ["Imported", "Way", "Wish", "bring_in"],
        "inventory": ["State", "take_stock"],
        "turning": ["Axes", "Turning"],
        "where": ["where_of"],
    },
)
__all__ = [
    "Axes",
    "Format",
    "Imported",
    "Report",
    "State",
    "Turning",
    "Way",
    "Wish",
    "bring_in",
    "check_dataset",
    "differences",
    "every_part",
    "export",
    "read_report",
    "restore",
    "samples_of",
    "take_stock",
    "where_of",
]
