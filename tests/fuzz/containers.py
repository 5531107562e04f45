"""Videos whose containers are damaged on purpose, where their structure is: sizes of boxes, tables
of times and samples, transport packets, NAL units, sizes of Matroska elements."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

Rng = np.random.Generator
# Ending: encoder, options of the encoder, options of the muxer, with sound.
SEEDS: dict[str, tuple[str, dict[str, str], dict[str, str], bool]] = {
    "plain.mp4": ("libx264", {"bf": "2"}, {}, False),
    "index-first.mp4": ("libx264", {"bf": "2"}, {"movflags": "faststart"}, True),
    "fragments.mp4": ("libx264", {}, {"movflags": "frag_keyframe+empty_moov"}, False),
    "sound.mov": ("mpeg4", {}, {}, True),
    "still.mov": ("mjpeg", {}, {}, False),
    "hevc.mp4": ("libx265", {"x265-params": "log-level=none"}, {}, False),
    "plain.mkv": ("libx264", {"bf": "2"}, {}, False),
    "sound.mkv": ("libx264", {}, {}, True),
    "vp8.webm": ("libvpx", {}, {}, False),
    "vp9.webm": ("libvpx-vp9", {"cpu-used": "8"}, {}, False),
    "mpeg4.avi": ("mpeg4", {}, {}, False),
    "h264.avi": ("libx264", {"bf": "0"}, {}, False),
    "mjpeg.avi": ("mjpeg", {}, {}, False),
    "h264.ts": ("libx264", {"bf": "2"}, {}, False),
    "sound.ts": ("libx264", {}, {}, True),
    "mpeg2.ts": ("mpeg2video", {"bf": "2"}, {}, False),
    "mpeg2.mpg": ("mpeg2video", {}, {}, False),
    "plain.flv": ("flv", {}, {}, False),
    "vp8.ogv": ("libvpx", {}, {}, False),
    "plain.wmv": ("wmv2", {}, {}, False),
    "raw.h264": ("libx264", {"bf": "2"}, {}, False),
    "raw.hevc": ("libx265", {"x265-params": "log-level=none"}, {}, False),
}
FRAMES, SIZE = 40, (96, 64)
_EXTREMES = (0, 1, 7, 8, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mdat", b"tkhd")
_TABLES = (b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"stss", b"elst", b"mdhd", b"mvhd", b"trun")
_ELEMENTS = (b"\x1f\x43\xb6\x75", b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\x15\x49\xa9\x66")
_BLOCKS = (b"\xa3", b"\xa0", b"\xe7", b"\x83")
_TS_PACKET = 188


def write_seeds(folder: Path) -> dict[str, bytes]:
    """Small good videos of every kind, by their names."""
    return {name: _encoded(folder / name, *how) for name, how in SEEDS.items()}


def _encoded(
    path: Path, codec: str, options: dict[str, str], muxer: dict[str, str], sound: bool
) -> bytes:
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options=muxer) as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.options = {"g": "10"} | options
        heard = file.add_stream("mp2", rate=44100) if sound else None
        for number in range(FRAMES):
            blocks = rng.integers(0, 255, (SIZE[1] // 16, SIZE[0] // 16, 3), np.uint8)
            picture = np.kron(blocks, np.ones((16, 16, 1), np.uint8))
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if heard is not None:
                silence = np.zeros((1, 1152 * heard.codec_context.channels), np.int16)
                frame = av.AudioFrame.from_ndarray(silence, "s16", heard.codec_context.layout.name)
                frame.sample_rate, frame.pts = 44100, 1152 * number
                file.mux(heard.encode(frame))
        for encoder in filter(None, (stream, heard)):
            file.mux(encoder.encode())
    return path.read_bytes()


def mutated(name: str, whole: bytes, rng: Rng) -> bytes:
    """The video with one to three harms that its kind of container can come to."""
    data = bytearray(whole)
    harms = [*_ANY, *_OF_KIND.get(Path(name).suffix, ())]
    for _ in range(int(rng.integers(1, 4))):
        harms[int(rng.integers(len(harms)))](data, rng)
    return bytes(data)


def _at(data: bytearray, rng: Rng, room: int = 1) -> int:
    return int(rng.integers(max(1, len(data) - room)))


def _flip(data: bytearray, rng: Rng) -> None:
    for _ in range(int(rng.integers(1, 30))):
        data[_at(data, rng)] ^= int(rng.integers(1, 256))


def _cut(data: bytearray, rng: Rng) -> None:
    del data[max(16, _at(data, rng)) :]


def _zero(data: bytearray, rng: Rng) -> None:
    at, length = _at(data, rng), int(rng.integers(1, 400))
    data[at : at + length] = bytes(len(data[at : at + length]))


def _insert(data: bytearray, rng: Rng) -> None:
    at = _at(data, rng)
    data[at:at] = rng.bytes(int(rng.integers(1, 64)))


def _remove(data: bytearray, rng: Rng) -> None:
    at = _at(data, rng)
    if len(data) > 64:
        del data[at : at + int(rng.integers(1, 64))]


def _extreme(data: bytearray, rng: Rng) -> None:
    if len(data) > 8:
        _put(data, _at(data, rng, 4), rng)


def _put(data: bytearray, at: int, rng: Rng) -> None:
    if at + 4 <= len(data):
        data[at : at + 4] = struct.pack(">I", _EXTREMES[int(rng.integers(len(_EXTREMES)))])


def _place(data: bytearray, names: tuple[bytes, ...], rng: Rng) -> int:
    """Where one of these stands; -1: none does."""
    places = []
    for name in names:
        at = data.find(name)
        while at >= 0 and len(places) < 200:
            places.append(at)
            at = data.find(name, at + 1)
    return places[int(rng.integers(len(places)))] if places else -1


def _box_size(data: bytearray, rng: Rng) -> None:
    at = _place(data, (*_BOXES, *_TABLES), rng) - 4
    if at >= 0:
        _put(data, at, rng)


def _box_name(data: bytearray, rng: Rng) -> None:
    at = _place(data, (*_BOXES, *_TABLES), rng)
    if at >= 0:
        data[at : at + 4] = b"free"


def _table(data: bytearray, rng: Rng) -> None:
    """An entry of a table of times, sizes or places."""
    at = _place(data, _TABLES, rng)
    if at >= 0:
        _put(data, at + 4 + 4 * int(rng.integers(1, 12)), rng)


def _element_size(data: bytearray, rng: Rng) -> None:
    at = _place(data, _ELEMENTS if rng.integers(2) else _BLOCKS, rng)
    if at >= 0:
        at += 4 if data[at] < 0x20 else 1
        if at < len(data):
            data[at] = int(rng.integers(256))


def _packets(data: bytearray, rng: Rng) -> None:
    """A transport packet is lost, comes twice, changes its place, its count or its length."""
    count = len(data) // _TS_PACKET
    if count < 4:
        return
    at, other = (int(rng.integers(count)) * _TS_PACKET for _ in range(2))
    packet = bytes(data[at : at + _TS_PACKET])
    match int(rng.integers(5)):
        case 0:
            del data[at : at + _TS_PACKET]
        case 1:
            data[at:at] = packet
        case 2:
            data[at : at + _TS_PACKET] = data[other : other + _TS_PACKET]
        case 3:
            data[at + 3] ^= int(rng.integers(1, 16))
        case 4:
            data[at + 4] = int(rng.integers(256))


def _nal(data: bytearray, rng: Rng) -> None:
    """The head of a NAL unit: parameter sets, slices."""
    at = _place(data, (b"\x00\x00\x01",), rng)
    if at >= 0 and at + 8 < len(data):
        data[at + 3 + int(rng.integers(5))] = int(rng.integers(256))


_ANY: tuple[Callable[[bytearray, Rng], None], ...] = (
    _flip, _cut, _zero, _insert, _remove, _extreme,
)  # fmt: skip
_ISO = (_box_size, _box_size, _table, _table, _table, _box_name)
_OF_KIND = {
    ".mp4": _ISO,
    ".mov": _ISO,
    ".mkv": (_element_size,) * 4,
    ".webm": (_element_size,) * 4,
    ".ts": (_packets,) * 5 + (_nal,) * 2,
    ".mpg": (_nal,) * 3,
    ".h264": (_nal,) * 4,
    ".hevc": (_nal,) * 4,
}
