"""Places (on this machine or another file system), files that are whole or not there, and pickles
that hold data only. The pipeline uses it for footage, too."""

import lazy_loader

from aqa.storage.places import Info, Place, RemotePath, as_place, states
from aqa.storage.whole_files import (
    json_bytes,
    read_json,
    strict,
    write_atomically,
    write_json,
)

# It needs numpy.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__, submod_attrs={"plain_pickles": ["load_plain_npy", "load_plain_pickle"]}
)
__all__ = [
    "Info",
    "Place",
    "RemotePath",
    "as_place",
    "json_bytes",
    "load_plain_npy",
    "load_plain_pickle",
    "read_json",
    "states",
    "strict",
    "write_atomically",
    "write_json",
]
