from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from extractors import ExtractorError, get_protocol
from extractors.protocols import Protocol


def at_rate(frames: int, fps: float) -> tuple[np.ndarray, float]:
    return np.arange(frames) / fps, frames / fps


def test_worked_example_contiguous() -> None:
    protocol = get_protocol("contiguous32", clip_frames=2)
    indices = protocol.frame_indices(*at_rate(8, 30))
    assert indices.tolist() == [[0, 1], [2, 3], [4, 6]]
    assert indices.dtype == np.int64


def test_worked_example_uniform() -> None:
    protocol = get_protocol("uniform48x16", clips=3, clip_frames=2)
    assert protocol.frame_indices(*at_rate(10, 30)).tolist() == [[0, 1], [3, 5], [7, 9]]


@pytest.mark.parametrize("frames", [32, 33, 63, 64, 1000, 4250])
@pytest.mark.parametrize("fps", [25.0, "native"])
def test_25_fps_is_taken_as_it_is(frames: int, fps: float | str) -> None:
    indices = get_protocol("contiguous32", fps=fps).frame_indices(*at_rate(frames, 25))
    start = (frames - 32 * (frames // 32)) // 2
    assert indices.ravel().tolist() == list(range(start, start + 32 * (frames // 32)))


@pytest.mark.parametrize("rate", [10, 24, 30, 50, 60, Fraction(30000, 1001)])
def test_resampling_takes_the_frame_on_screen(rate: Fraction | int) -> None:
    """In exact arithmetic: at 29.97 fps frame 30 lies exactly at the limit of what is on time."""
    frames, late = 150, Fraction(1, 1000)
    indices = get_protocol("contiguous32").frame_indices(*at_rate(frames, float(rate))).ravel()
    grid = [Fraction(k, 25) for k in range(400) if Fraction(k, 25) < frames / rate - late]
    shown = [max(j for j in range(frames) if j / Fraction(rate) <= t + late) for t in grid]
    start = (len(shown) - len(indices)) // 2
    assert indices.tolist() == shown[start : start + len(indices)]


def test_a_frame_at_the_limit_is_taken_from_any_container() -> None:
    """Frame 30 of 29.97 fps appears at 1.001 s, by the ticks of MP4 and in Matroska's
    milliseconds; a recording of 30 of them lasts so long."""
    exact = np.array([float(Fraction(1001 * j, 30000)) for j in range(64)])
    taken = [
        get_protocol("mini16x112").frame_indices(times_s, 64 * 1001 / 30000)
        for times_s in (exact, np.arange(64) * float(Fraction(1001, 30000)), exact.round(3))
    ]
    assert all(indices.ravel()[25 - 3] == 30 for indices in taken)


def test_resampling_follows_a_varying_rate_and_rounded_stamps() -> None:
    times_s = np.array([0, 0.04, 0.08, 0.5, 0.501, 0.56, 0.6405, 0.68])
    indices = get_protocol("contiguous32", clip_frames=18).frame_indices(times_s, 0.72)
    assert indices.tolist() == [[0, 1, *[2] * 11, 4, 5, 5, 6, 7]]


def test_native_ignores_times() -> None:
    protocol = get_protocol("mini16x112", fps="native")
    assert protocol.frame_indices(np.array([0.0, 9.0] * 8), 10.0).tolist() == [list(range(16))]


def test_short_uniform_repeats_frames() -> None:
    indices = get_protocol("uniform48x16").frame_indices(*at_rate(16, 25))
    assert indices.shape == (48, 16)
    assert indices.ravel().tolist() == np.linspace(0, 15, 768).astype(int).tolist()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("contiguous32", r"has 25 frames at 25 fps \(1 s\), one clip of contiguous32 needs 32"),
        ("contiguous32(fps=native)", r"has 10 frames \(1 s\), one clip of contiguous32 needs 32"),
        ("uniform48x16", r"has 10 frames, uniform48x16 needs 16"),
    ],
)
def test_too_few_frames(name: str, words: str) -> None:
    with pytest.raises(ExtractorError, match=words):
        get_protocol(name).frame_indices(*at_rate(10, 10))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fps": "native"},
        {"fps": 30},
        {"fps": 30000 / 1001},
        {"short_side": None, "crop": None, "size": (112, 96)},
        {"clip_frames": 16, "mean": (0.5, 0.5, 0.5), "std": [0.25, 0.5, 1e-3]},
    ],
)
def test_identity_reads_back(changes: dict) -> None:
    protocol = get_protocol("contiguous32", **changes)
    assert get_protocol(protocol.identity) == protocol


def test_identity_is_canonical() -> None:
    assert get_protocol("contiguous32").identity == "contiguous32"
    assert get_protocol("contiguous32", fps=25).identity == "contiguous32"
    assert get_protocol("contiguous32", fps="native").identity == "contiguous32(fps=native)"
    both = get_protocol("contiguous32", size=[112, 112], fps=30.0)
    assert both.identity == "contiguous32(fps=30,size=112x112)"


def test_shapes() -> None:
    assert get_protocol("contiguous32").clip_shape == (32, 224, 224, 3)
    assert get_protocol("uniform48x16").clip_shape == (16, 224, 224, 3)
    assert get_protocol("mini16x112").clip_shape == (16, 112, 112, 3)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("contiguous", {}, "unknown protocol 'contiguous': there are contiguous32, uniform48x16"),
        ("contiguous32(", {}, "unknown protocol"),
        ("contiguous32", {"rate": 3}, "has no setting 'rate': there are clip_frames"),
        ("contiguous32(rate=3)", {}, "has no setting 'rate'"),
        ("contiguous32", {"fps": 0}, "fps cannot be 0"),
        ("contiguous32", {"fps": "fast"}, "fps cannot be 'fast'"),
        ("contiguous32", {"size": (224,)}, "size cannot be"),
        ("contiguous32", {"clips": 4}, "'clips' belongs to uniform sampling only"),
        ("uniform48x16", {"clips": None}, "'clips' belongs to uniform sampling only"),
        ("contiguous32", {"clip_frames": 2.5}, "clip_frames cannot be 2.5"),
    ],
)
def test_mistakes_are_named(name: str, changes: dict, words: str) -> None:
    with pytest.raises(ExtractorError) as error:
        get_protocol(name, **changes)
    assert words in str(error.value)


def test_frozen() -> None:
    with pytest.raises(AttributeError):
        get_protocol("contiguous32").fps = 30  # type: ignore[misc]
    assert isinstance(get_protocol("contiguous32"), Protocol)
