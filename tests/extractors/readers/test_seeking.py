"""A part of a video has the frames that reading from the start gives, to the last bit."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from extractors import ExtractorError, open_clips
from extractors.readers import look, pyav_reader, read_with_pyav
from extractors.readers.container import Container
from extractors.readers.file_names import VIDEO_SUFFIXES

FRAMES = 120
X264 = ("libx264", "x264-params")
X265 = ("libx265", "x265-params")
KINDS = {
    "closed.mp4": (*X264, "keyint=40:ref=6:bframes=5"),
    "open.mp4": (*X264, "open-gop=1:keyint=30:bframes=3:b-pyramid=normal:scenecut=0"),
    "open.mkv": (*X264, "open-gop=1:keyint=30:bframes=3:scenecut=0"),
    # No key frame but the first: each frame renews a column.
    "refreshed.mp4": (*X264, "intra-refresh=1:keyint=30"),
    "open-hevc.mp4": (*X265, "open-gop=1:keyint=30:min-keyint=30:bframes=4:log-level=none"),
    "mpeg4.mp4": ("mpeg4", "bf", "2"),
    "mpeg2.mkv": ("mpeg2video", "bf", "2"),
    "hidden-frames.mkv": ("libvpx-vp9", "auto-alt-ref", "1"),
}


def encode(path: Path, codec: str, option: str, value: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    with av.open(str(path), "w") as file:
        options = {"g": "30", option: value}
        try:
            stream = file.add_stream(codec, rate=25, options=options)
        except av.codec.codec.UnknownCodecError:
            pytest.skip(f"PyAV without {codec}")
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(FRAMES):
            picture = np.roll(noise, 3 * index, axis=1)
            picture[30:60, 5 * index % 90 : 5 * index % 90 + 30] = 2 * index
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                file.mux(packet)
        file.mux(stream.encode(None))


def differing(container: Container, most: int) -> list[tuple[int, int]]:
    """(first of a part, frame) where they differ, for parts around ``most`` key frames."""
    whole = list(read_with_pyav(container, range(container.frame_count)))
    starts = {int(key) + more for key in container.key_frames[:most] for more in (-1, 0, 1)}
    found = []
    for start in sorted(starts.intersection(range(container.frame_count))):
        part = read_with_pyav(container, range(start, min(start + 40, container.frame_count)))
        found += [
            (start, number)
            for number, frame in enumerate(part, start)
            if not np.array_equal(frame, whole[number])
        ]
    return found


@pytest.mark.parametrize("name", KINDS)
def test_after_a_seek_the_frames_are_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(tmp_path / name, *KINDS[name])
    monkeypatch.setattr(pyav_reader, "SEEK_FROM_FRAME", 1)
    container = look(tmp_path / name)
    assert container.frame_count == FRAMES
    assert (container.ticks is None) == (name == "mpeg2.mkv")
    assert container.ticks is None or len(container.key_frames) > 2
    assert differing(container, most=4) == []


def test_the_shared_videos_read_in_parts(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a whole and by seeking to each of the first key frames: cases, and real footage."""
    monkeypatch.setattr(pyav_reader, "SEEK_FROM_FRAME", 1)
    by_seeking = 0
    for path in sorted((shared / "cases").rglob("*")) + sorted((shared / "data/videos").iterdir()):
        if path.suffix not in VIDEO_SUFFIXES or not path.is_file():
            continue
        try:
            container = look(path)
        except ExtractorError:
            continue
        if container.ticks is None or container.damage:
            continue  # read from the start
        assert differing(container, most=2) == [], path
        by_seeking += 1
    assert by_seeking > 25


def test_clips_from_any_number_on(shared: Path) -> None:
    """With a process of its own, and across a place from which it seeks."""
    with open_clips(shared / "data/videos/v_ZNVhz7ctTq0.mp4", "mini16x112") as stream:
        whole = list(stream)
        assert stream.divisible and len(whole) == 21
        for first, stop in ((0, 3), (16, 21), (20, 21)):
            part = list(stream.clips(first, stop))
            assert len(part) == stop - first
            for clip, expected in zip(part, whole[first:stop], strict=True):
                assert np.array_equal(clip, expected)
