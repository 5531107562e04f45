from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from extractors import DamagedVideoError, ExtractorError, look, open_clips, read_clips
from extractors.clips import source as sources
from extractors.readers import decord_available

ROOT = Path(__file__).resolve().parents[3]
needs_decord = pytest.mark.skipif(not decord_available(), reason="decord has no wheel here")
READERS = ["pyav", pytest.param("decord", marks=needs_decord), "auto"]


@pytest.mark.parametrize("reader", READERS)
def test_clips_of_a_video(make_video, read_indices, reader: str) -> None:
    with open_clips(make_video("a.mp4", 55), "mini16x112", reader=reader) as stream:
        clips = list(stream)
        again = list(stream)
    assert len(stream) == len(clips) == 3
    assert all(clip.shape == (16, 112, 112, 3) and clip.dtype == np.uint8 for clip in clips)
    assert read_indices(np.concatenate(clips)) == list(range(3, 51))
    assert np.array_equal(clips, again)


def test_info(make_video) -> None:
    info = open_clips(make_video("a.mp4", 60, fps=50, size=(80, 48)), "mini16x112").info
    assert (info.kind, info.codec, info.width, info.height) == ("video", "h264", 80, 48)
    assert info.reader == "pyav"
    assert (info.frame_count, info.fps, info.duration_s) == (60, pytest.approx(50), 1.2)
    # 30 frames at 25 fps: 7 dropped before, 7 after; each shows every second source frame.
    assert info.clip_start_s == pytest.approx([14 / 50])
    assert info.clip_end_s == pytest.approx([45 / 50])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("fps", [10, 24, 30, 50])
def test_other_rates_are_resampled_by_time(make_video, read_indices, reader, fps) -> None:
    frames = read_clips(make_video("a.mp4", 3 * fps, fps=fps), "mini16x112", reader=reader)
    got = read_indices(np.concatenate(list(frames)))
    grid = np.arange(75) / 25  # 75 positions, 4 clips of 16 from position 5
    want = [int(np.floor(t * fps + 1e-6)) for t in grid[5:69]]
    assert got == want


def test_varying_rate_is_resampled_by_time(make_video, read_indices) -> None:
    """10 frames at 25 fps, then a still of 0.4 s, then 6 at 50 fps."""
    times_ms = [*range(0, 400, 40), 800, 820, 840, 860, 880, 900]
    frames = read_clips(make_video("a.mp4", 16, times_ms=times_ms), "mini16x112")
    got = read_indices(np.concatenate(list(frames)))
    shown = [*range(10), *[9] * 10, 10, 12, 14]  # every 40 ms
    assert got == shown[3:19]


JITTER_MS = [0, *np.cumsum([30, 40, 20, 90, 40, 40, 700, 15] * 12).tolist()]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_contiguous32_takes_the_frame_on_screen(make_video, read_indices, name: str) -> None:
    """Every 40 ms the frame that a player shows, however irregular the rate is."""
    frames = len(JITTER_MS)
    path = make_video(name, frames, times_ms=JITTER_MS)
    stream = open_clips(path, "contiguous32")
    points = int(np.ceil(stream.info.duration_s * 25 - 0.025))
    shown = [
        np.searchsorted(JITTER_MS, 40 * point + 1, side="right") - 1 for point in range(points)
    ]
    start = (points - 32 * len(stream)) // 2
    assert len(stream) == points // 32 >= 9
    assert read_indices(np.concatenate(list(stream))) == shown[start : start + 32 * len(stream)]
    native = open_clips(path, "contiguous32(fps=native)")
    assert read_indices(np.concatenate(list(native))) == list(range(96))


def test_uniform_short_video_repeats_frames(make_video, read_indices) -> None:
    clips = list(read_clips(make_video("a.mp4", 20), "uniform48x16(size=48x64)"))
    want = np.linspace(0, 19, 768).astype(int).tolist()
    assert len(clips) == 48
    assert read_indices(np.concatenate(clips)) == want


def test_a_part_of_a_video(make_video, read_indices) -> None:
    path = make_video("a.mp4", 200)
    stream = open_clips(path, "mini16x112", start_s=2.0, end_s=4.0)
    assert read_indices(np.concatenate(list(stream))) == list(range(51, 99))
    assert stream.info.clip_start_s[0] == pytest.approx(51 / 25)
    assert stream.info.frame_count == 200


def test_a_late_part_is_sought(make_video, read_indices) -> None:
    stream = open_clips(make_video("a.mp4", 600), "mini16x112", start_s=20)
    assert read_indices(np.concatenate(list(stream))) == list(range(502, 598))


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (1, 1), (2, 1), (0, 9), (4, None)])
def test_a_part_outside(make_video, start, end) -> None:
    with pytest.raises(ExtractorError, match=r"a.mp4: .* is not a part of it: it lasts 2\.00 s"):
        open_clips(make_video("a.mp4", 50), "mini16x112", start_s=start, end_s=end)


def test_too_short(make_video) -> None:
    path = make_video("a.mp4", 10)
    words = r"a.mp4: has 10 frames at 25 fps \(0.4 s\), one clip of contiguous32 needs 32"
    with pytest.raises(ExtractorError, match=words):
        open_clips(path, "contiguous32")
    with pytest.raises(ExtractorError, match=r"a.mp4: from 0 s to 0.2 s has 5 frames at 25 fps"):
        open_clips(path, "contiguous32", end_s=0.2)


def test_wrong_names(make_video) -> None:
    path = make_video("a.mp4", 20)
    with pytest.raises(ExtractorError, match="unknown protocol 'mini'"):
        open_clips(path, "mini")
    with pytest.raises(ExtractorError, match="unknown reader 'opencv'"):
        open_clips(path, "mini16x112", reader="opencv")
    with pytest.raises(ExtractorError, match=r"none.mp4: no such file"):
        open_clips(path.with_name("none.mp4"), "mini16x112")


def test_decord_is_not_forced_on_what_it_misreads(shared: Path) -> None:
    path = shared / "data" / "videos" / "stream_copy_cut.mp4"
    words = "decord must not read it: an edit list hides 132 packets.*; use reader 'auto'"
    with pytest.raises(ExtractorError, match=words):
        open_clips(path, "mini16x112", reader="decord")


def test_stream_copied_cut(shared: Path) -> None:
    stream = open_clips(shared / "data/videos/stream_copy_cut.mp4", "contiguous32(fps=native)")
    assert stream.info.frame_count == 302
    clips = list(stream)
    assert len(clips) == 9
    frames = np.concatenate(clips).reshape(288, -1)
    assert np.all(np.any(frames[1:] != frames[:-1], axis=1)), "a frame is repeated"


@pytest.mark.parametrize("reader", ["auto", "pyav"])
def test_stream_copied_cut_shows_what_a_player_shows(
    make_video, tmp_path: Path, read_indices, reader: str
) -> None:
    """Cut at frame 31, copied from key frame 20 on: an edit list hides the 11 in between."""
    path = tmp_path / "cut.mp4"
    source = make_video("a.mp4", 80, options={"g": "20", "bf": "2"})
    with (
        av.open(str(source)) as file,
        av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as out,
    ):
        stream = file.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for number, packet in enumerate(file.demux(stream)):
            if packet.dts is not None and number >= 20:
                packet.pts -= round(31 / 25 / packet.time_base)
                packet.dts -= round(31 / 25 / packet.time_base)
                packet.stream = copy
                out.mux(packet)
    clips = open_clips(path, "mini16x112(fps=native)", reader=reader)
    assert clips.info.frame_count == 49
    assert read_indices(np.concatenate(list(clips))) == list(range(31, 79))


def test_decord_where_there_is_none(make_video, monkeypatch) -> None:
    container = look(make_video("a.mp4", 32))
    monkeypatch.setattr(sources, "decord_available", lambda: False)
    with pytest.raises(ExtractorError, match="decord must not read it: decord is not installed"):
        sources._choose(container, "decord")


def test_auto_says_why_it_is_not_decord(make_video) -> None:
    assert open_clips(make_video("a.mp4", 32), "mini16x112").info.reader_note == (
        "PyAV is at least as fast on h264"
    )
    rotated = open_clips(make_video("b.mp4", 32, rotation=90), "mini16x112")
    assert (rotated.info.reader, rotated.info.reader_note) == ("pyav", "it is rotated")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "protocol", ["mini16x112", "contiguous32(fps=15,size=56x56)", "uniform48x16(size=56x56)"]
)
def test_damage_in_the_middle(shared: Path, tmp_path: Path, reader: str, protocol: str) -> None:
    """What is before the damage gives exactly the clips of the whole file, read as far."""
    whole = shared / "data" / "videos" / "v_ZNVhz7ctTq0.mp4"
    data = bytearray(whole.read_bytes())
    data[600_000:603_000] = bytes(3000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    words = r"damaged.mp4: damaged: .*; the first 6\.\d\d s are good"
    with pytest.raises(DamagedVideoError, match=words) as error:
        list(open_clips(path, protocol, reader=reader))
    good_s = error.value.good_s
    good = list(open_clips(path, protocol, reader=reader, end_s=good_s))
    want = list(read_clips(whole, protocol, end_s=good_s))
    assert len(want) >= 3 and np.array_equal(good, want)


def test_cut_short_is_said_before_reading(make_video, tmp_path: Path) -> None:
    whole = make_video("a.mp4", 500, size=(160, 96), muxer={"movflags": "faststart"})
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DamagedVideoError, match="cut short") as error:
        open_clips(cut, "mini16x112")
    good = list(open_clips(cut, "mini16x112", end_s=error.value.good_s))
    want = list(open_clips(whole, "mini16x112", end_s=error.value.good_s))
    assert len(want) > 1 and np.array_equal(good, want)


def write_frames(folder: Path, names: list[str], size: tuple[int, int] = (40, 30)) -> Path:
    folder.mkdir()
    for value, name in enumerate(names):
        image = np.zeros((size[1], size[0], 3), np.uint8)
        image[..., 2] = value  # red, in OpenCV's order
        cv2.imwrite(str(folder / name), image)
    return folder


def test_folder_in_natural_order(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", [f"img_{n}.png" for n in range(5, 40)])
    (folder / "notes.txt").write_text("no frame")
    stream = open_clips(folder, "mini16x112")
    red = np.concatenate([clip[:, 50, 50, 0] for clip in stream])
    assert red.tolist() == list(range(1, 33))
    info = stream.info
    assert (info.kind, info.reader, info.codec, info.fps) == ("frames", "opencv", "png", 25.0)
    assert (info.width, info.height, info.frame_count) == (40, 30, 35)
    assert info.clip_end_s == pytest.approx([17 / 25, 33 / 25])


def test_folder_of_another_rate(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", [f"{n:05d}.png" for n in range(64)])
    stream = open_clips(folder, "mini16x112", frame_rate=50)
    assert stream.info.duration_s == pytest.approx(1.28)
    assert np.concatenate([c[:, 0, 0, 0] for c in stream]).tolist() == list(range(0, 64, 2))


def test_folder_without_frames(tmp_path: Path) -> None:
    with pytest.raises(ExtractorError, match=r"holds no frames \(looked for \.jpg"):
        open_clips(tmp_path, "mini16x112")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("keep", [0, 0.6, 0.98])
def test_broken_image_is_named(tmp_path: Path, suffix: str, keep: float) -> None:
    folder = write_frames(tmp_path / "frames", [f"{n:05d}.{suffix}" for n in range(20)])
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    victim = folder / f"00007.{suffix}"
    cv2.imwrite(str(victim), noise)
    data = victim.read_bytes()
    victim.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(ExtractorError, match=rf"00007\.{suffix}: broken image \(\d+ bytes\)"):
        list(read_clips(folder, "mini16x112"))


SCRIPT = """
import sys
from extractors import read_clips
print(sum(1 for _ in read_clips(sys.argv[1], "mini16x112")))
"""


@pytest.mark.parametrize("way", ["a script without a main guard", "standard input", "-c"])
def test_read_clips_from_any_program(make_video, tmp_path: Path, way: str) -> None:
    video, script = make_video("a.mp4", 40), tmp_path / "script.py"
    script.write_text(SCRIPT)
    program = {"standard input": ["-"], "-c": ["-c", SCRIPT]}.get(way, [str(script)])
    result = subprocess.run(
        [sys.executable, *program, str(video)],
        input=SCRIPT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.stdout.strip(), result.returncode) == ("2", 0), result.stderr


def test_importing_is_cheap() -> None:
    code = "import sys, extractors; extractors.get_protocol('mini16x112'); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.split())
    assert not loaded & {"torch", "torchvision", "timm", "av", "decord", "cv2", "ray", "pipeline"}
