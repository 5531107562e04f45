"""Videos made after public bug reports: the frames that a player shows, every one once, at their
times. The cases lie in the reference data, each with its source."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from extractors import ExtractorError, get_protocol, look, open_clips
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


RED, GREEN, BLUE, GREY = (200, 60, 60), (60, 180, 60), (60, 60, 200), (128, 128, 128)
# Quarters as ffmpeg shows them: upper left, upper right, lower left, lower right.
TURNED = {
    "a_mirrored.mp4": (GREEN, RED, GREY, BLUE),
    "b_upside_mirrored.mp4": (BLUE, GREY, RED, GREEN),
    "c_turned_and_mirrored.mp4": (RED, BLUE, GREEN, GREY),
    "d_half_turn.mp4": (GREY, BLUE, GREEN, RED),
}


def quarters(picture: np.ndarray) -> list[np.ndarray]:
    """The mean colour of each, without its edges."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    parts = [picture[y : y + height, x : x + width] for y in (0, height) for x in (0, width)]
    inner = slice(height // 4, -height // 4), slice(width // 4, -width // 4)
    return [part[inner].mean(axis=(0, 1)) for part in parts]


@pytest.mark.parametrize("name", TURNED)
def test_turned_and_mirrored_as_a_player_does(cases: Path, name: str) -> None:
    container = look(cases / "13-mirrored" / name)
    (picture,) = read_with_pyav(container, [5])
    assert np.allclose(quarters(picture), TURNED[name], atol=4)
    assert picture.shape[:2] == (container.height, container.width)
    assert container.mirrored == (name != "d_half_turn.mp4")
    assert container.decord_unsafe is not None


@pytest.mark.parametrize(
    ("name", "tagged"),
    [
        ("a_hd_bt709_limited.mp4", "bt709, limited"),
        ("b_phone_bt709_full.mp4", "bt709, full"),
        ("c_sd_bt601_limited.mp4", "bt601, limited"),
        ("d_sd_bt601_full.mp4", "bt601, full"),
    ],
)
def test_colours_as_tagged(cases: Path, name: str, tagged: str) -> None:
    container = look(cases / "11-colour-range-matrix" / name)
    (picture,) = read_with_pyav(container, [5])
    assert container.colours == tagged
    assert np.allclose(quarters(picture), (RED, GREEN, BLUE, GREY), atol=4)


def test_untagged_colours_are_bt601_and_grey_stays_grey(cases: Path) -> None:
    container = look(cases / "11-colour-range-matrix/e_hd_untagged.mp4")
    (picture,) = read_with_pyav(container, [5])
    assert container.colours == "bt601, untagged, limited"
    by_bt601 = ((187, 46, 61), (69, 201, 63), (60, 51, 193), GREY)
    assert np.allclose(quarters(picture), by_bt601, atol=4)


@pytest.mark.parametrize("name", ["a_pal_wide.mp4", "b_pal_wide.mpg", "c_hdv_like.mkv"])
def test_pixels_that_are_not_square_count_as_wide_as_they_are_shown(cases: Path, name: str) -> None:
    """The circle of the case under contiguous32, which squashes 300 x 224 to 224 x 224."""

    def circle(protocol: str, **options) -> tuple[int, int]:
        with open_clips(cases / "10-anamorphic" / name, protocol, **options) as clips:
            rows, columns = np.nonzero(next(iter(clips))[0].mean(axis=2) > 128)
        return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1

    assert circle("contiguous32") == (pytest.approx(133, abs=3), pytest.approx(178, abs=3))
    stored = circle("contiguous32(aspect=stored)")
    assert stored[0] == pytest.approx(100 if name[0] == "c" else 94, abs=3)
    assert circle("contiguous32", stored_aspect=True) == stored


@pytest.mark.parametrize("letter", "abcd")
def test_a_cover_is_not_the_film(cases: Path, read_number: ReadNumber, letter: str) -> None:
    (path,) = (cases / "18-cover-art").glob(f"{letter}_*.m*")
    container = look(path)
    assert container.frame_count == 100 and len(container.streams) == 2
    frames = read_with_pyav(container, [0, 99])
    assert [read_number(frame) for frame in frames] == [0, 99]


def test_a_stream_that_is_asked_for(cases: Path) -> None:
    path = cases / "18-cover-art/d_cover_as_plain_stream.mkv"
    assert look(path, stream=0).frame_count == 1 and look(path, stream=1).frame_count == 100
    words = r"plain_stream\.mkv: it has no video stream 7 .*0: mjpeg 1280 x 720, 1: h264 320 x 240"
    with pytest.raises(ExtractorError, match=words):
        look(path, stream=7)


@pytest.mark.parametrize("name", ["a_avchd.MTS", "b_broadcast.ts"])
def test_combs_are_said_and_taken_out_where_that_is_asked(cases: Path, name: str) -> None:
    """How much a row differs from those around it: 10.2 as stored, 0.0 without combs."""
    path = cases / "09-interlaced" / name
    container = look(path)

    def combing(deinterlace: bool) -> float:
        frames = list(read_with_pyav(container, range(100), deinterlace=deinterlace))
        rows = np.stack(frames).mean(axis=3)
        return float(np.abs(2 * rows[:, 1:-1] - rows[:, :-2] - rows[:, 2:]).mean())

    assert (container.frame_count, container.duration_s) == (100, pytest.approx(4.0))
    assert combing(False) == pytest.approx(10.2, abs=0.2)
    assert combing(True) == pytest.approx(0, abs=0.05)
    stored, without = (
        open_clips(path, protocol) for protocol in ("mini16x112", "mini16x112(deinterlace=bwdif)")
    )
    assert stored.info.interlaced and stored.info.colours == "bt601, untagged, limited"
    assert stored.info.remarks == (
        "interlaced: taken with its combs, as it is stored (deinterlace=bwdif takes them out)",
    )
    assert without.info.remarks == () and len(list(without)) == len(stored) == 6
    assert without.protocol.identity == "mini16x112(deinterlace=bwdif)"
