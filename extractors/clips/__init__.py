"""A source as a stream of clips, read in a process of its own that may hang or crash."""

from extractors.clips.messages import SourceInfo
from extractors.clips.stream import ClipStream, check_reader, open_clips, read_clips

__all__ = ["ClipStream", "SourceInfo", "check_reader", "open_clips", "read_clips"]
