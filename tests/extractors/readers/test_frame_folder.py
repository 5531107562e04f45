"""A folder of frames is one series, by its numbers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors import ExtractorError, open_clips
from extractors.readers.frame_folder import list_frames, read_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    return tmp_path / "frames"


def write(folder: Path, *names: str, size: tuple[int, int] = (24, 16)) -> None:
    """Images whose grey is their place among ``names``."""
    for place, name in enumerate(names):
        image = np.full((size[1], size[0], 3), place % 256, np.uint8)
        assert cv2.imwrite(str(folder / name), image)


def greys(images: list[Path]) -> list[int]:
    return [int(image.mean().round()) for image in read_images(images, range(len(images)))]


@pytest.mark.parametrize(
    "pattern",
    [
        "{}.png", "img_{:05d}.png", "IMG ({}).PNG", "{:04d}_rgb.bmp", "cam2_{:03d}.tif", "f{}.tiff",
    ],
)  # fmt: skip
def test_by_number_whatever_is_around_it(folder: Path, pattern: str) -> None:
    write(folder, *(pattern.format(number) for number in range(1, 41)))
    series = list_frames(folder)
    assert greys(series.images) == list(range(40))
    assert series.steps.tolist() == list(range(40)) and series.remarks == ()


def test_webp_is_read(folder: Path) -> None:
    write(folder, *(f"{number}.webp" for number in range(20)))
    assert len(list_frames(folder).images) == 20


def test_a_missing_number_leaves_its_picture_standing(folder: Path) -> None:
    write(folder, *(f"{number}.png" for number in [*range(11), *range(20, 41)]))
    series = list_frames(folder)
    assert series.steps.tolist() == [*range(11), *range(20, 41)]
    (remark,) = series.remarks
    assert remark == (
        "9 images are missing, the first between numbers 10 and 20: the picture stands still there"
    )
    info = open_clips(folder, "mini16x112").info
    assert info.duration_s == pytest.approx(41 / 25) and info.frame_count == 32
    assert info.remarks == (remark,)


def test_every_fifth_number_is_no_gap(folder: Path) -> None:
    write(folder, *(f"{number}.png" for number in range(5, 100, 5)))
    series = list_frames(folder)
    assert series.steps.tolist() == list(range(19)) and series.remarks == ()


def test_a_number_twice_is_refused(folder: Path) -> None:
    write(folder, "1.png", "2.png", "00002.png", "3.png")
    words = r"frames: number 2 comes twice \(.*2\.png and .*2\.png\): keep one of them"
    with pytest.raises(ExtractorError, match=words):
        list_frames(folder)


def test_two_series_are_refused(folder: Path) -> None:
    write(folder, *(f"left_{n}.png" for n in range(9)), *(f"right_{n}.png" for n in range(9)))
    with pytest.raises(
        ExtractorError, match=r"several series of images .*one routine is one folder"
    ):
        list_frames(folder)


def test_a_cover_beside_a_series_is_left_out_and_named(folder: Path) -> None:
    write(folder, *(f"{number}.png" for number in range(20)), "cover.png", ".hidden.png")
    series = list_frames(folder)
    assert greys(series.images) == list(range(20))
    assert series.remarks == ("left out, not of the series: cover.png",)


def test_dates_are_no_frame_numbers(folder: Path) -> None:
    write(folder, "20240101.png", "20240201.png", "20250101.png")
    with pytest.raises(ExtractorError, match="only 3 of them: they are no series of frames"):
        list_frames(folder)


def test_other_sizes_are_read_with_a_remark(folder: Path) -> None:
    write(folder, *(f"{number}.png" for number in range(10)))
    write(folder, *(f"{number}.png" for number in range(10, 20)), size=(32, 16))
    assert list_frames(folder).remarks == ("its images differ in size: 24 x 16, 32 x 16",)


def test_names_without_numbers_are_in_their_order(folder: Path) -> None:
    write(folder, "a.png", "b.png", "c.png")
    assert greys(list_frames(folder).images) == [0, 1, 2]
