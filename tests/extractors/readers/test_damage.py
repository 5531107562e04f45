"""What is kept of a damaged video: frames as a whole one shows them, at their own times."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from extractors import DamagedVideoError, look, open_clips
from extractors.readers.pyav_reader import read_with_pyav

FRAMES = 200
B_FRAMES = {"g": "40", "bf": "2", "sc_threshold": "0"}


def packets_of(path: Path) -> list[tuple[int, int, bool]]:
    """(position in the file, size, key) of every packet."""
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
        return [(packet.pos, packet.size, packet.is_keyframe) for packet in packets]


def flip(path: Path, number: int) -> None:
    """Spoils the picture of a packet, not its header."""
    at, size, _ = packets_of(path)[number]
    data = bytearray(path.read_bytes())
    for offset in range(at + size // 2, at + size - 4):
        data[offset] ^= 0x5A
    path.write_bytes(data)


def blank(path: Path, number: int) -> None:
    """Zeros in place of a packet."""
    at, size, _ = packets_of(path)[number]
    data = bytearray(path.read_bytes())
    data[at : at + size] = bytes(size)
    path.write_bytes(data)


def lose(path: Path, number: int) -> None:
    """A transport packet in the middle of the file never came."""
    data = path.read_bytes()
    at = number * len(data) // (FRAMES * 188) * 188
    path.write_bytes(data[:at] + data[at + 188 :])


def cut(path: Path, number: int) -> None:
    """The file ends in the middle of a packet."""
    at, size, _ = packets_of(path)[number]
    path.write_bytes(path.read_bytes()[: at + size // 2])


MIDDLE = next(number for number in range(90, 100) if number % 3 == 1)


@pytest.mark.parametrize(
    ("name", "codec", "options", "harm", "number"),
    [
        ("a.mp4", "libx264", B_FRAMES, blank, MIDDLE),
        ("a.mp4", "libx264", B_FRAMES, blank, 120),  # a key frame
        ("a.mkv", "libx264", B_FRAMES, flip, MIDDLE),
        ("a.ts", "libx264", B_FRAMES, lose, 100),
        ("a.ts", "mpeg2video", {"g": "20", "bf": "2"}, lose, 100),
        ("a.avi", "libx264", B_FRAMES | {"bf": "0"}, blank, 100),
        ("a.avi", "libx264", B_FRAMES | {"bf": "0"}, cut, 150),
        ("a.avi", "mpeg4", {"g": "20"}, cut, 150),
        ("a.mkv", "libx264", B_FRAMES, cut, 150),
    ],
)
def test_what_is_outside_of_the_holes_is_good(
    make_video, read_indices, name: str, codec: str, options: dict, harm: Callable, number: int
) -> None:
    path = make_video(name, FRAMES, codec=codec, options=options, size=(160, 96))
    harm(path, number)
    container = look(path, every_frame=True)
    (hole,) = container.holes
    assert hole[0] > 2 and (hole[1] == math.inf if harm is cut else hole[1] < 7)
    times_s = container.times_s
    (good,) = np.nonzero((times_s < hole[0] - 1e-6) | (times_s >= hole[1] - 1e-6))
    assert len(good) >= 120 and np.all(container.numbers[good] >= 0)
    drawn = read_indices(read_with_pyav(container, good))
    assert np.allclose(times_s[good], np.array(drawn) / 25, atol=2e-3)


def test_where_it_is_damaged_and_good_again_is_said(make_video) -> None:
    path = make_video("a.mp4", FRAMES, options=B_FRAMES, size=(160, 96))
    blank(path, MIDDLE)
    words = r"damaged: .*; the first 3\.\d\d s are good, and what follows from 4\.80 s on$"
    with pytest.raises(DamagedVideoError, match=words) as error:
        list(open_clips(path, "mini16x112"))
    ((start_s, end_s),) = error.value.holes
    assert start_s == error.value.good_s and end_s == pytest.approx(4.8)


def test_a_part_outside_of_the_damage_needs_no_salvage(make_video) -> None:
    path = make_video("a.ts", FRAMES, options=B_FRAMES, size=(160, 96))
    lose(path, 100)
    with pytest.raises(DamagedVideoError) as error:
        open_clips(path, "mini16x112")
    end_s = error.value.holes[0][1]
    assert len(list(open_clips(path, "mini16x112", start_s=end_s))) > 2


@pytest.mark.parametrize("protocol", ["uniform48x16", "mini16x112(fps=native)"])
def test_what_counts_frames_is_not_salvaged_across_a_hole(make_video, protocol: str) -> None:
    path = make_video("a.mp4", FRAMES, options=B_FRAMES, size=(160, 96))
    blank(path, MIDDLE)
    words = r"counts the frames of the whole video .* its first 3\.\d\d s can be taken alone"
    with pytest.raises(Exception, match=words):
        open_clips(path, protocol, salvage=True)


def test_nothing_good_is_no_video(make_video) -> None:
    path = make_video("a.mp4", 40, options=B_FRAMES, size=(160, 96))
    for number in range(40):
        blank(path, number)
    with pytest.raises(Exception, match=r"a\.mp4: no video that can be read"):
        look(path, every_frame=True)
