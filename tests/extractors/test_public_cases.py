"""Videos made after public bug reports: the frames that a player shows, every one once, at their
times. The cases lie in the reference data, each with its source."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from extractors import ExtractorError, get_protocol, look
from extractors.readers.pyav_reader import read_with_pyav

ReadNumber = Callable[[np.ndarray], int]


@dataclass(frozen=True)
class Shown:
    """``numbers`` that are drawn into the frames; clips of contiguous32 and of mini16x112."""

    numbers: Iterable[int]
    duration_s: float
    clips: tuple[int, int]
    time_source: str = "stamps"
    remark: str = ""


FOUR_SECONDS = Shown(range(100), 4.0, (3, 6))
SAYS = "its header says {}, 4.00 s are there"
TWO_PARTS = "its clock jumps {} at 3.00 s; taken as going on there"
CASES = {
    "01-edit-list-end/a_end_trimmed.mp4": Shown(range(75), 3.0, (2, 4)),
    "01-edit-list-end/b_both_trimmed.mp4": Shown(range(30, 105), 3.0, (2, 4)),
    "02-chapters-longer/a_chapters.mp4": FOUR_SECONDS,
    "02-chapters-longer/b_subtitle.mp4": FOUR_SECONDS,
    "02-chapters-longer/c_subtitle.mkv": Shown(range(100), 4.0, (3, 6), remark=SAYS.format("1:00")),
    "04-sound-longer/a_video_starts_late.mp4": Shown(
        range(100), 4.0, (3, 6), remark=SAYS.format("8.00 s")
    ),
    "04-sound-longer/b_video_starts_late.mkv": Shown(
        range(100), 4.0, (3, 6), remark=SAYS.format("8.02 s")
    ),
    "04-sound-longer/c_sound_goes_on.mp4": Shown(
        range(100), 4.0, (3, 6), remark=SAYS.format("8.00 s")
    ),
    "05-flv-wrong-duration/a_absurd.flv": Shown(
        range(100), 4.0, (3, 6), remark=SAYS.format("596:31:24")
    ),
    "05-flv-wrong-duration/b_of_the_whole_stream.flv": Shown(
        range(100), 4.0, (3, 6), remark=SAYS.format("30.00 s")
    ),
    "06-joined-ts/a_jumps_ahead_10_h.ts": Shown(
        range(150), 6.0, (4, 9), remark=TWO_PARTS.format("ahead by 9:59:57")
    ),
    "06-joined-ts/b_starts_again_at_0.ts": Shown(
        range(150), 6.0, (4, 9), remark=TWO_PARTS.format("ahead by 26:14:01")
    ),
    "06-joined-ts/c_both_start_at_0.ts": Shown(
        range(150), 6.0, (4, 9), remark=TWO_PARTS.format("back by 3.00 s")
    ),
    "08-recording-starts-mid-group/a_h264.ts": Shown(range(50, 200), 6.0, (4, 9)),
    "08-recording-starts-mid-group/b_mpeg2.ts": Shown(range(51, 200), 5.96, (4, 9)),
    "14-slow-motion-240/IMG_0240.mov": Shown(range(768), 3.2, (2, 5)),
    "15-no-time-stamps/a_h264_b_frames.avi": Shown(range(120), 4.0, (3, 6)),
    "15-no-time-stamps/b_raw.h264": Shown(range(120), 4.0, (3, 6), "codec"),
    "15-no-time-stamps/c_raw.hevc": Shown(range(120), 4.0, (3, 6), "codec"),
    "15-no-time-stamps/d_h264_encoded_to.avi": Shown(range(120), 4.0, (3, 6)),
    "16-browser-webm/recording.webm": Shown(range(90), 4.98, (3, 7)),
}
# Of pictures without numbers: frames, seconds, clips of contiguous32.
OWN = {
    "latin1.avi": (100, 4.0, 3),
    "trim_end.mp4": (100, 4.0, 3),
    "trim_start.mp4": (175, 7.0, 5),
    "jump_fwd_cc.ts": (200, 8.0, 6),
    "drop_x264.avi": (105, 7.7, 6),
    "raw.h264": (100, 4.0, 3),
    "stale_duration.flv": (100, 4.0, 3),
}
# First numbers of clips at 25 frames/s from other rates, and a picture that stands still.
FIRST = {
    "14-slow-motion-240/IMG_0240.mov": ("contiguous32", [76, 384]),
    "15-no-time-stamps/a_h264_b_frames.avi": ("contiguous32", [2, 40, 79]),
    "06-joined-ts/a_jumps_ahead_10_h.ts": ("mini16x112", [3 + 16 * clip for clip in range(9)]),
    "16-browser-webm/recording.webm": ("contiguous32", [17, 44, 44]),
}


@pytest.fixture(scope="module")
def cases(shared: Path) -> Path:
    if not (shared / "cases").is_dir():
        pytest.skip("no cases in the reference data")
    return shared / "cases"


@pytest.fixture(scope="module")
def read_number(cases: Path) -> ReadNumber:
    spec = importlib.util.spec_from_file_location("barcode", cases / "barcode.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.read


def clips_of(container, protocol: str) -> int:
    return len(get_protocol(protocol).frame_indices(container.times_s, container.duration_s))


@pytest.mark.parametrize("name", CASES)
def test_what_a_player_shows(cases: Path, read_number: ReadNumber, name: str) -> None:
    container, shown = look(cases / name), CASES[name]
    assert container.damage is None
    frames = read_with_pyav(container, range(container.frame_count))
    assert [read_number(frame) for frame in frames] == list(shown.numbers)
    assert container.duration_s == pytest.approx(shown.duration_s, abs=0.01)
    assert (clips_of(container, "contiguous32"), clips_of(container, "mini16x112")) == shown.clips
    assert container.time_source == shown.time_source
    assert container.remarks == ((shown.remark,) if shown.remark else ())


@pytest.mark.parametrize("name", FIRST)
def test_the_first_frame_of_each_clip(cases: Path, read_number: ReadNumber, name: str) -> None:
    protocol, numbers = FIRST[name]
    container = look(cases / name)
    times_s, duration_s = container.times_s, container.duration_s
    first = np.unique(get_protocol(protocol).frame_indices(times_s, duration_s)[:, 0])
    frames = read_with_pyav(container, first)
    assert [read_number(frame) for frame in frames] == list(dict.fromkeys(numbers))


@pytest.mark.parametrize("name", OWN)
def test_own_odd_files(cases: Path, name: str) -> None:
    container, (frames, duration_s, clips) = look(cases / "40-own-odd-files" / name), OWN[name]
    assert container.damage is None and container.frame_count == frames
    assert container.duration_s == pytest.approx(duration_s, abs=0.01)
    assert clips_of(container, "contiguous32") == clips
    assert len(list(read_with_pyav(container, range(frames)))) == frames


def test_a_clock_that_nobody_can_mean(cases: Path) -> None:
    with pytest.raises(
        ExtractorError, match=r"n1\.mp4: .* 100 frames over 14:13:20, which no player"
    ):
        look(cases / "40-own-odd-files/n1.mp4")
