"""Footage whose picture changes on the way: its size, combs, the width of its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from extractors import open_clips
from extractors.readers import look, read_with_pyav

INTERLACED = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
PLAIN, WITHOUT = "mini16x112", "mini16x112(deinterlace=bwdif)"


@pytest.fixture
def changing(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    """40 progressive frames, then 40 interlaced ones of another size."""
    parts = make_video("a.h264", 40), make_video("b.h264", 40, size=(96, 64), options=INTERLACED)
    path = tmp_path / "changing.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_combs_that_come_later_are_said(changing: Path) -> None:
    stream = open_clips(changing, PLAIN)
    assert stream.info.remarks == ()
    assert len(list(stream)) == len(stream) == 5
    (said,) = stream.info.remarks
    assert said.startswith("interlaced from 1.60 s on: taken with its combs")


def test_combs_that_come_later_are_taken_out(
    changing: Path, read_indices: Callable[[Iterable[np.ndarray]], list[int]]
) -> None:
    frames = list(read_with_pyav(look(changing), range(80), deinterlace=True))
    assert read_indices(frames) == [*range(40), *range(40)]
    assert {frame.shape for frame in frames[40:]} == {(64, 96, 3)}
    stream = open_clips(changing, WITHOUT)
    assert len(list(stream)) == 5 and stream.info.remarks == ()


def test_what_is_not_interlaced_keeps_its_bits(make_video: Callable[..., Path]) -> None:
    path = make_video("a.mp4", 33)
    plain, filtered = (np.stack(list(open_clips(path, name))) for name in (PLAIN, WITHOUT))
    np.testing.assert_array_equal(plain, filtered)


def test_pixels_that_change_their_width(tmp_path: Path) -> None:
    """As where a broadcast goes from 4:3 to 16:9."""
    parts = []
    for aspect in (Fraction(12, 11), Fraction(16, 11)):
        part = tmp_path / f"{aspect.numerator}.m2v"
        with av.open(str(part), "w", format="mpeg2video") as file:
            stream = file.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = 352, 288, "yuv420p"
            stream.codec_context.sample_aspect_ratio = aspect
            for _ in range(40):
                file.mux(stream.encode(av.VideoFrame(352, 288, "yuv420p")))
            file.mux(stream.encode())
        parts.append(part.read_bytes())
    path = tmp_path / "changing.m2v"
    path.write_bytes(b"".join(parts))
    stream = open_clips(path, PLAIN)
    before = stream.info.remarks
    list(stream)
    (said,) = set(stream.info.remarks) - set(before)
    assert "the width of its pixels changes from 12/11 to 16/11: taken as at the start" in said
