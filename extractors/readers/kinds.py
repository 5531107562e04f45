"""What a file is that is no video, from its first bytes: a better answer than a decoder's."""

from __future__ import annotations

from pathlib import Path

_HEAD_BYTES = 1 << 16
_INDEX_BYTES = 1 << 24  # of an MP4; a longer one is not searched
_FETCH = "a Git LFS pointer, not the file itself: git lfs pull fetches it"
_PLAYLIST = "a playlist, which names other files: give those"
_PAGE = "a web page, not a video: the download went wrong"
# How a file begins, in lower case: what it is.
_BEGINNINGS = (
    (b"version https://git-lfs", _FETCH),
    (b"#extm3u", _PLAYLIST),
    (b"[playlist]", _PLAYLIST),
    (b"<!doctype html", _PAGE),
    (b"<html", _PAGE),
    (b"\x89png", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"bm", "a picture (BMP)"),
    (b"ii*\0", "a picture (TIFF)"),
    (b"mm\0*", "a picture (TIFF)"),
    (b"pk\x03\x04", "a ZIP archive: unpack it"),
    (b"rar!", "a RAR archive: unpack it"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (b"\x1f\x8b", "compressed (gzip): unpack it"),
    (b"%pdf", "a PDF"),
    (b"\x93numpy", "a NumPy array, not a video"),
    (b"\x89hdf\r\n", "an HDF5 or MATLAB file, not a video"),
    (b"matlab 5", "a MATLAB file, not a video"),
)
_PICKLE = tuple(bytes([0x80, version]) for version in range(2, 6))
_PICTURE_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"avif": "AVIF"}


def other_kind(path: Path) -> str | None:
    """What the file is, where that is no video; None where nothing says so."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return "an empty file"
    if head.count(0) == len(head) > 64:
        return "nothing but zeros: its place was kept, it was never written"
    if head.startswith(_PICKLE):
        return "a pickle, which is not opened: that could run what is in it"
    text = head[:512].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    for beginning, kind in _BEGINNINGS:
        if text.startswith(beginning) and not _may_be_video(beginning, path, head):
            return kind
    if text.startswith(b"<") and (b"<mpd" in text or b"xspf" in text or b"<smil" in text):
        return _PLAYLIST
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        animated = b"ANIM" in head[:64]
        return "an animated WebP, which is not read: convert it" if animated else "a picture (WebP)"
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return f"a picture ({_PICTURE_BRANDS[head[8:12]]})"
    return _part_of_mp4(path) if head[4:8] in (b"ftyp", b"styp", b"moov", b"moof") else None


def _may_be_video(beginning: bytes, path: Path, head: bytes) -> bool:
    """A motion JPEG without a container is one JPEG after the other; two letters say little."""
    if beginning == b"\xff\xd8\xff":
        return path.suffix.lower() in (".mjpg", ".mjpeg")
    return beginning == b"bm" and len(head) < 54


def _part_of_mp4(path: Path) -> str | None:
    """What an MP4 lacks to be one."""
    boxes = _boxes(path)
    if b"moov" not in boxes:
        if b"moof" in boxes:
            return "a media segment: its beginning (init segment) lies in another file"
        return "an MP4 without its index (moov): the recording or the copy was not finished"
    at, length = boxes[b"moov"]
    if length > _INDEX_BYTES:
        return None
    with path.open("rb") as file:
        file.seek(at)
        index = file.read(length)
    if b"encv" in index:
        return "encrypted: only who sold it can play it"
    if b"mvex" in index and b"moof" not in boxes and b"mdat" not in boxes:
        return "an init segment: its pictures lie in other files"
    return None


def _boxes(path: Path) -> dict[bytes, tuple[int, int]]:
    """(place, length) of the last box of each name, at the top of an MP4."""
    found, at, size = {}, 0, path.stat().st_size
    with path.open("rb") as file:
        while at + 8 <= size and len(found) < 64:
            file.seek(at)
            head = file.read(16).ljust(16, b"\0")
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            elif length == 0:
                length = size - at
            if length < 8:
                break
            found[name] = (at, min(length, size - at))
            at += length
    return found
