"""Files that are no video are called by what they are."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors import ExtractorError, look


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def picture(ending: str) -> bytes:
    return cv2.imencode(ending, np.zeros((40, 60, 3), np.uint8))[1].tobytes()


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2")
KINDS = {
    "an empty file": b"",
    "nothing but zeros: its place was kept, it was never written": bytes(4096),
    "a Git LFS pointer, .*: git lfs pull fetches it": b"version https://git-lfs.github.com/spec/v1\n",
    "a web page, not a video": b"\n <!DOCTYPE html><html>",
    "a playlist, which names other files": b"\xef\xbb\xbf#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
    "a playlist, which names other files: give those": b'<?xml version="1.0"?>\n<MPD profiles="">',
    r"a picture \(JPEG\)": picture(".jpg"),
    r"a picture \(PNG\)": picture(".png"),
    r"a picture \(WebP\)": picture(".webp"),
    r"a picture \(BMP\)": picture(".bmp"),
    r"a picture \(TIFF\)": picture(".tif"),
    r"a picture \(HEIC\)": box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta"),
    "an animated WebP, which is not read": b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0"
    + bytes(10)
    + b"ANIM",
    "a ZIP archive: unpack it": b"PK\x03\x04" + bytes(60),
    r"compressed \(gzip\): unpack it": b"\x1f\x8b\x08" + bytes(60),
    "a NumPy array, not a video": b"\x93NUMPY\x01\0" + bytes(60),
    "a pickle, which is not opened: that could run what is in it": b"\x80\x04\x95" + bytes(60),
    "a MATLAB file, not a video": b"MATLAB 5.0 MAT-file" + bytes(100),
    "an HDF5 or MATLAB file, not a video": b"\x89HDF\r\n\x1a\n" + bytes(100),
    r"an MP4 without its index \(moov\)": FTYP + box(b"mdat", bytes(100)),
    "a media segment: its beginning": FTYP + box(b"moof", bytes(8)) + box(b"mdat", bytes(8)),
    "an init segment: its pictures lie in other files": FTYP + box(b"moov", box(b"mvex")),
    "encrypted: only who sold it can play it": FTYP + box(b"moov", box(b"encv")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "named.mp4"
    path.write_bytes(KINDS[kind])
    with pytest.raises(ExtractorError, match=rf"named\.mp4: {kind}"):
        look(path)


def test_sound_alone(make_audio) -> None:
    with pytest.raises(ExtractorError, match=r"sound\.m4a: holds no video, only sound"):
        look(make_audio("sound.m4a"))


def test_jpegs_one_after_the_other_are_a_video(make_video) -> None:
    path = make_video("a.mjpeg", 20, codec="mjpeg", pixels="yuvj420p")
    assert look(path).frame_count == 20
