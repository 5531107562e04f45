from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from extractors import ExtractorError
from extractors.readers.clock import Clock, Jump, Rate, Stamps, best_rate, from_stamps, steady

RATE = Rate(Fraction(25), "codec")


def clock(ticks_ms: list[int], format: str = "mpegts", sound_ms: tuple[int, ...] = ()) -> Clock:
    """The clock of frames with these stamps, each of which says that it stays 40 ms."""
    stays = np.full(len(ticks_ms), 40)
    sound_s = np.array(sound_ms) / 1000
    stamps = Stamps(np.array(ticks_ms), Fraction(1, 1000), stays, sound_s, format)
    return from_stamps(stamps, RATE)


def test_times_are_the_stamps_from_the_first_frame_on() -> None:
    told = clock([500, 540, 600, 640])
    assert told.times_s.tolist() == pytest.approx([0, 0.04, 0.1, 0.14])
    assert (told.last_s, told.duration_s, told.jumps) == (0.04, pytest.approx(0.18), ())


@pytest.mark.parametrize(("by_ms", "said"), [(3_600_000, 3599.96), (-5_000, -5.04)])
def test_a_jump_is_cut_and_told(by_ms: int, said: float) -> None:
    told = clock([0, 40, 80, 80 + by_ms, 120 + by_ms])
    assert told.times_s.tolist() == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert told.jumps == (Jump(pytest.approx(0.12), pytest.approx(said)),)


@pytest.mark.parametrize(
    ("format", "gap_ms", "sound_ms"),
    [
        ("mpegts", 9_000, ()),  # a picture that stood still for seconds
        ("mpegts", 60_000, tuple(range(0, 60_000, 20))),  # with sound going on, for a minute
        ("matroska", 60_000, ()),  # a clock that does not restart
    ],
)
def test_a_picture_that_stands_still_is_no_jump(
    format: str, gap_ms: int, sound_ms: tuple[int, ...]
) -> None:
    ticks = [0, 40, 80, 80 + gap_ms, *range(120 + gap_ms, 4000 + gap_ms, 40)]
    told = clock(ticks, format, sound_ms)
    assert told.jumps == () and told.times_s[3] == pytest.approx(0.08 + gap_ms / 1000)


def test_a_frame_that_says_how_long_it_stays_is_believed() -> None:
    ticks, stays = np.array([0, 40, 30_000, *range(30_040, 40_000, 40)]), np.full(252, 40)
    stays[1] = 29_960
    told = from_stamps(Stamps(ticks, Fraction(1, 1000), stays, np.empty(0), "mpegts"), RATE)
    assert told.jumps == ()


def test_stamps_that_are_no_clock_give_way_to_the_rate() -> None:
    told = clock([0, 0, 0, 40, 40, 40])
    assert told.source == "codec" and told.times_s.tolist() == steady(6, RATE).times_s.tolist()


def test_times_that_nobody_plays_are_refused() -> None:
    with pytest.raises(ExtractorError, match=r"spread 5 frames over 1:06:40, which no player"):
        clock([1_000_000 * number for number in range(5)], "mov", tuple(range(0, 4_000_000, 20)))


@pytest.mark.parametrize(
    ("codec", "header", "guessed", "expected"),
    [
        (30, 60, 30, Rate(Fraction(30), "codec")),
        (None, 60, 30, Rate(Fraction(60), "header")),
        (Fraction(0), None, 24, Rate(Fraction(24), "header")),
        (90_000, None, None, Rate(Fraction(25), "header")),
    ],
)
def test_the_best_rate_is_the_codecs(codec, header, guessed, expected: Rate) -> None:
    rates = (None if rate is None else Fraction(rate) for rate in (codec, header, guessed))
    assert best_rate(*rates) == expected
