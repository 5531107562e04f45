"""Which videos a command works on, where they lie, and copies of those that lie elsewhere."""

from pipeline.footage.copies import local_copy
from pipeline.footage.ids import told_apart
from pipeline.footage.published import footage_dataset, raw_dataset
from pipeline.footage.remarks import footage_remarks
from pipeline.footage.stamps import content_digest, source_stamp
from pipeline.footage.videos import Video, collect, without_other_kinds

__all__ = [
    "Video",
    "collect",
    "content_digest",
    "footage_dataset",
    "footage_remarks",
    "local_copy",
    "raw_dataset",
    "source_stamp",
    "told_apart",
    "without_other_kinds",
]
