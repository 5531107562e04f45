from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from extractors import ExtractorError, get_protocol, look, normalise
from extractors.preprocess import FRAMES_AHEAD, prepare_frame, prepare_frames
from extractors.readers import read_with_pyav as read_frames

SIZES = [(340, 256), (480, 360), (320, 568), (1280, 720), (100, 100), (301, 257), (17, 9), (9, 41)]


def published(frame: np.ndarray) -> np.ndarray:
    chain = v2.Compose([v2.Resize(256), v2.CenterCrop((224, 300)), v2.Resize((224, 224))])
    return np.asarray(chain(Image.fromarray(frame)))


def assert_close(got: np.ndarray, want: np.ndarray) -> None:
    difference = np.abs(got.astype(int) - want)
    assert np.mean(difference <= 3) >= 0.995
    assert difference.mean() < 0.6


@pytest.mark.parametrize("size", SIZES)
def test_equals_the_published_chain_on_any_size(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    got = prepare_frame(frame, get_protocol("contiguous32"))
    assert got.shape == (224, 224, 3)
    assert_close(got, published(frame))


def test_portrait_is_padded_black() -> None:
    white = np.full((568, 320, 3), 255, np.uint8)
    got = prepare_frame(white, get_protocol("contiguous32"))
    assert got[:, :15].max() == 0 and got[:, -15:].max() == 0
    assert got[:, 20:-20].min() == 255


def test_straight_resize() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    want = np.asarray(Image.fromarray(frame).resize((224, 224), Image.Resampling.BILINEAR))
    assert np.array_equal(prepare_frame(frame, get_protocol("uniform48x16")), want)


@pytest.mark.parametrize(
    ("golden", "video", "protocol"),
    [
        ("demo.mp4", "demo.mp4", "contiguous32(fps=native)"),
        ("v_ZNVhz7ctTq0.mp4", "v_ZNVhz7ctTq0.mp4", "contiguous32(fps=native)"),
        ("portrait_video_90.mov", "video_90.mov", "contiguous32(fps=native)"),
        ("uniform48x16_demo.mp4", "demo.mp4", "uniform48x16"),
    ],
)
def test_published_frames(shared: Path, golden: str, video: str, protocol: str) -> None:
    want = np.load(shared / "golden" / "preprocess" / f"{golden}.npz")
    container, plan = look(shared / "data" / "videos" / video), get_protocol(protocol)
    if "frame_count" in want:
        indices = plan.frame_indices(container.times_s, container.duration_s)
        counts = (want["frame_count"], want["clip_count"], want["first_frame"])
        assert (container.frame_count, len(indices), indices[0, 0]) == counts
    if "selected_indices" in want:
        indices = plan.frame_indices(container.times_s, container.duration_s)
        assert np.array_equal(indices.ravel(), want["selected_indices"])
        chosen = want["selected_indices"][want["picked"]]
    else:
        chosen = want["frame_index"]
    got = [prepare_frame(frame, plan) for frame in read_frames(container, chosen.tolist())]
    assert len(got) == len(chosen)
    assert_close(np.stack(got), want["frames"])


def test_normalise() -> None:
    protocol = get_protocol("mini16x112", size=(4, 6), clip_frames=2)
    clips = torch.randint(0, 256, (3, 2, 4, 6, 3), dtype=torch.uint8)
    got = normalise(clips, protocol)
    assert got.shape == (3, 3, 2, 4, 6) and got.dtype == torch.float32
    value = clips[1, 1, 2, 5, 0].item()
    assert got[1, 0, 1, 2, 5].item() == pytest.approx((value / 255 - 0.485) / 0.229, abs=1e-6)


def test_frames_prepared_ahead_are_few_in_order_and_come_before_an_error() -> None:
    protocol = get_protocol("mini16x112", size=(4, 6))
    pictures = list(np.random.default_rng(0).integers(0, 256, (9, 20, 30, 3), np.uint8))
    taken = []

    def frames() -> Iterator[np.ndarray]:
        for picture in pictures:
            taken.append(picture)
            yield picture
        raise ExtractorError("broken")

    got = []
    with pytest.raises(ExtractorError, match="broken"):
        for prepared in prepare_frames(frames(), protocol):
            got.append(prepared)
            assert len(taken) - len(got) <= FRAMES_AHEAD
    assert np.array_equal(got, [prepare_frame(picture, protocol) for picture in pictures])


def test_a_frame_that_cannot_be_prepared_is_never_passed_over() -> None:
    picture, got = np.zeros((20, 30, 3), np.uint8), []
    with pytest.raises(TypeError):
        for prepared in prepare_frames(
            iter([picture, np.zeros((20, 30, 3)), *[picture] * 9]), get_protocol("mini16x112")
        ):
            got.append(prepared)
    assert len(got) == 1
