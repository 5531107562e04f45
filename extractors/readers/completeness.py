"""Whether the end of a file is missing, by what its own structure declares.

A duration in a header proves nothing: trims, chapters and live recordings leave it longer than what
is there. Sizes do: a part that reaches beyond the end of the file was cut off. Only a few bytes are
read. Sources: ISO/IEC 14496-12 (boxes), RFC 8794 and 9559 (EBML, Matroska), RFC 3533 (Ogg), the FLV
and ASF specifications, RIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_OGG_TAIL = 1 << 17  # a page has at most 65,307 bytes
_OGG_LAST = 4
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def missing_end(path: Path, format: str) -> str | None:
    """What shows that the end is missing; None where nothing does. ``format``: FFmpeg's name."""
    check, size = _CHECKS.get(format), path.stat().st_size
    with path.open("rb") as file:
        shows = check(file, size) if check else None
    if isinstance(shows, int):
        shows = f"{shows} bytes are declared, {size} are there" if shows > size else None
    return f"the file is cut short ({shows})" if shows else None


def _boxes(file: BinaryIO, size: int) -> int | None:
    """The end of the last box of an MP4 or MOV."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, _ = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
        if length < 8:  # 0: to the end of the file; else padding, or no box
            return None
        at += length
    return at if at > size else None


def _chunks(file: BinaryIO, size: int) -> int | None:
    """The end of the last RIFF chunk of an AVI, which has several above a gigabyte."""
    at = end = 0
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if name != b"RIFF" or not 0 < length < 0xFFFFFFF0:  # a recorder that was not closed
            return None
        end = at + 8 + length
        at = end + length % 2
    return end


def _segment(file: BinaryIO, size: int) -> int | None:
    """The end of a Matroska segment; its size is unknown in a live recording."""
    at, name = _element(file, 0)
    if name != _EBML or at is None:
        return None
    end, name = _element(file, at)
    return end if name == _SEGMENT else None


def _element(file: BinaryIO, at: int) -> tuple[int | None, bytes]:
    """(end, name) of an EBML element with a name of four bytes; no end: of unknown size."""
    file.seek(at)
    name, first = file.read(4), file.read(1)
    if not first or not first[0]:
        return None, name
    length = 9 - first[0].bit_length()
    digits = file.read(length - 1)
    value = int.from_bytes(bytes([first[0] & ((1 << (8 - length)) - 1)]) + digits, "big")
    unknown = value == (1 << 7 * length) - 1
    return None if unknown else at + 4 + length + value, name


def _pages(file: BinaryIO, size: int) -> str | None:
    """Whether the last page of no stream is, whole, among the last ones."""
    file.seek(max(0, size - _OGG_TAIL))
    tail = file.read()
    at = tail.find(b"OggS")
    while at >= 0:
        lengths = tail[at + 27 : at + 27 + int.from_bytes(tail[at + 26 : at + 27], "big")]
        end = at + 27 + len(lengths) + sum(lengths)
        if tail[at + 5 : at + 6] and tail[at + 5] & _OGG_LAST and end <= len(tail):
            return None
        at = tail.find(b"OggS", at + 1)
    return "no stream comes to its last page"


def _tags(file: BinaryIO, size: int) -> str | None:
    """An FLV tag stands between two copies of its length: those of the last one must agree."""
    file.seek(max(0, size - 4))
    length = int.from_bytes(file.read(4), "big")
    if 11 <= length <= size - 17:
        file.seek(size - 4 - length + 1)
        if int.from_bytes(file.read(3), "big") + 11 == length:
            return None
    return "its last tag is not whole"


def _asf(file: BinaryIO, size: int) -> int | None:
    """The size in the file properties of a WMV; 0 in a live one."""
    file.seek(0)
    head = file.read(1 << 16)
    at = head.find(_ASF_FILE)
    return struct.unpack_from("<Q", head, at + 40)[0] if 0 <= at < len(head) - 48 else None


# The end that is declared, in bytes, or in words what is missing; None: nothing is.
_CHECKS: dict[str, Callable[[BinaryIO, int], int | str | None]] = {
    "mov": _boxes,
    "avi": _chunks,
    "matroska": _segment,
    "ogg": _pages,
    "flv": _tags,
    "asf": _asf,
}
