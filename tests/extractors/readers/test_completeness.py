"""A file is cut short where its own structure says so, whatever its header says about seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from extractors import look
from extractors.readers.completeness import missing_end

FILES = {
    # name: FFmpeg's name of the format, codec, options of the muxer
    "a.mp4": ("mov", "libx264", {"movflags": "faststart"}),
    "fragments.mp4": ("mov", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    "a.mkv": ("matroska", "libx264", {}),
    "a.webm": ("matroska", "libvpx", {}),
    "a.avi": ("avi", "mpeg4", {}),
    "a.flv": ("flv", "flv", {}),
    "a.ogv": ("ogg", "libvpx", {}),
    "a.wmv": ("asf", "wmv2", {}),
}


@pytest.fixture
def written(make_video: Callable[..., Path]) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        _, codec, muxer = FILES[name]
        options = {"g": "10"} if codec == "libx264" else {}
        return make_video(name, 100, codec=codec, muxer=muxer, options=options)

    return write


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("lost", [1, 20, 0.2], ids=str)
def test_less_than_declared(
    written: Callable[[str], Path], tmp_path: Path, name: str, lost: float
) -> None:
    """Also where less is lost than a header's seconds could tell."""
    whole, (format, *_) = written(name), FILES[name]
    assert missing_end(whole, format) is None and look(whole).damage is None
    size = whole.stat().st_size
    cut = tmp_path / f"cut_{name}"
    cut.write_bytes(whole.read_bytes()[: size - int(lost * size + 3 if lost < 1 else lost)])
    assert missing_end(cut, format).startswith("the file is cut short (")
    assert look(cut).damage.reason.startswith("the file is cut short (")


@pytest.mark.parametrize("content", [b"", b"RIFF", bytes(64), b"\x1a\x45\xdf\xa3", b"OggS"])
def test_bytes_that_are_no_such_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    for format in ("mov", "avi", "matroska", "asf", "mpegts"):
        assert missing_end(path, format) is None
