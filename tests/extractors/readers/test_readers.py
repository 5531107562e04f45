"""Both readers give the frames that a player shows, every one once, with equal pixels."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from extractors import DamagedVideoError, ExtractorError, look
from extractors.readers import decord_available, decord_reader, pyav_reader

needs_decord = pytest.mark.skipif(not decord_available(), reason="decord has no wheel here")

JITTER_MS = np.cumsum([30, 40, 20, 90, 40, 40, 700, 15] * 6).tolist()
FOR_BOTH = {
    "upright": {"name": "a.mp4", "size": (64, 98)},
    "mp4": {"name": "a.mp4"},
    "no_b_frames": {"name": "a.mp4", "options": {"bf": "0"}},
    "open_gop": {"name": "a.mp4", "options": {"x264-params": "open-gop=1:keyint=12:bframes=3"}},
    "all_intra": {"name": "a.mp4", "options": {"g": "1"}},
    "30 fps": {"name": "a.mp4", "fps": 30},
    "29.97 fps": {"name": "a.mkv", "fps": Fraction(30000, 1001)},
    "mkv": {"name": "a.mkv"},
    "mov": {"name": "a.mov"},
    "hevc": {"name": "a.mp4", "codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "mpeg4": {"name": "a.mp4", "codec": "mpeg4"},
    "mpeg4 b-frames": {"name": "a.mp4", "codec": "mpeg4", "options": {"bf": "2"}},
    "odd": {"name": "a.mp4", "codec": "mpeg4", "size": (67, 50)},
}
PYAV_ONLY = {
    "narrow": {"name": "a.mp4", "size": (48, 80)},
    "tiny": {"name": "a.mp4", "size": (16, 16)},
    "odd rows": {"name": "a.mp4", "codec": "mpeg4", "size": (66, 51)},
    "interlaced": {"name": "a.mp4", "options": {"flags": "+ildct+ilme", "x264-params": "tff=1"}},
    "odd 4:4:4": {"name": "a.mp4", "size": (67, 51), "pixels": "yuv444p"},
    "avi": {"name": "a.avi", "codec": "mpeg4"},
    "avi b-frames": {"name": "a.avi", "codec": "mpeg4", "options": {"bf": "2"}},
    "ts": {"name": "a.ts"},
    "webm vp8": {"name": "a.webm", "codec": "libvpx", "options": {"auto-alt-ref": "1"}},
    "webm vp9": {"name": "a.webm", "codec": "libvpx-vp9", "options": {"deadline": "realtime"}},
    "av1": {"name": "a.mkv", "codec": "libsvtav1", "size": (96, 72), "options": {"preset": "12"}},
    "ten bits": {"name": "a.mkv", "pixels": "yuv420p10le"},
    "varying rate": {"name": "a.mp4", "times_ms": JITTER_MS},
    "varying rate mkv": {"name": "a.mkv", "times_ms": JITTER_MS},
    "late start": {"name": "a.mkv", "times_ms": [500 + 40 * i for i in range(48)]},
    "motion jpeg": {"name": "a.avi", "codec": "mjpeg", "pixels": "yuvj420p"},
}
KINDS = FOR_BOTH | PYAV_ONLY


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_once(kind: str, make_video, read_indices) -> None:
    options = dict(KINDS[kind])
    container = look(make_video(options.pop("name"), 48, **options))
    assert container.frame_count == 48
    assert (container.decord_unsafe is None) == (kind in FOR_BOTH)
    assert read_indices(pyav_reader.read_with_pyav(container, range(48))) == list(range(48))
    if options.get("times_ms"):
        want = (np.array(options["times_ms"]) - options["times_ms"][0]) / 1000
        assert np.allclose(container.times_s, want, atol=1e-3)
    else:
        rate = float(options.get("fps", 25))
        assert np.allclose(container.times_s, np.arange(48) / rate, atol=1e-3)
        assert container.duration_s == pytest.approx(48 / rate, abs=2e-3)


@needs_decord
@pytest.mark.parametrize("kind", FOR_BOTH)
def test_decord_gives_equal_pixels_where_it_may_read(kind: str, make_video, read_indices) -> None:
    options = dict(KINDS[kind])
    container = look(make_video(options.pop("name"), 48, **options))
    for indices in (range(48), [1, 2, 5, 13, 14, 40, 47], [30]):
        ours = list(pyav_reader.read_with_pyav(container, indices))
        theirs = list(decord_reader.read_with_decord(container, indices))
        assert read_indices(theirs) == list(indices)
        assert np.array_equal(ours, theirs)


@needs_decord
@pytest.mark.parametrize("name", ["demo.mp4", "v_ZNVhz7ctTq0.mp4", "h265_video.mp4"])
def test_equal_pixels_on_real_files(shared: Path, name: str) -> None:
    container = look(shared / "data" / "videos" / name)
    assert container.decord_unsafe is None
    indices = range(1, min(container.frame_count, 90), 4)
    ours = pyav_reader.read_with_pyav(container, indices)
    for mine, theirs in zip(ours, decord_reader.read_with_decord(container, indices), strict=True):
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("first", [260, 299, 430, 599])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_seeking_finds_the_same_frames(first: int, name: str, make_video, read_indices) -> None:
    options = {"x264-params": "open-gop=1:keyint=50:bframes=3"}
    container = look(make_video(name, 600, options=options))
    assert len(container.key_frames) >= 12
    indices = [i for i in (first, first + 1, first + 17) if i < 600]
    assert read_indices(pyav_reader.read_with_pyav(container, indices)) == indices


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_is_applied(rotation: int, make_video) -> None:
    plain = look(make_video("plain.mp4", 3))
    turned = look(make_video("turned.mp4", 3, rotation=rotation))
    assert turned.rotation % 360 == rotation % 360
    assert (turned.width, turned.height) == ((64, 48) if rotation == 180 else (48, 64))
    assert turned.decord_unsafe == "it is rotated"
    for frame, want in zip(
        pyav_reader.read_with_pyav(turned, range(3)),
        pyav_reader.read_with_pyav(plain, range(3)),
        strict=True,
    ):
        assert np.array_equal(frame, np.rot90(want, rotation // 90))


def test_real_rotated_file_stands_upright(shared: Path) -> None:
    container = look(shared / "data" / "videos" / "video_90.mov")
    frame = next(pyav_reader.read_with_pyav(container, [0]))
    assert frame.shape == (568, 320, 3)
    if decord_available():  # decord turns it too, though "auto" need not rely on that
        assert np.array_equal(frame, next(decord_reader.read_with_decord(container, [0])))


def test_missing_frame_is_damage_not_a_repeat(make_video) -> None:
    container = look(make_video("a.mp4", 20))
    with pytest.raises(DamagedVideoError, match=r"it ends early; the first 0.80 s are good"):
        list(pyav_reader.read_with_pyav(container, [3, 20]))


def processes_below() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@needs_decord
def test_closing_ends_the_child(make_video) -> None:
    before = processes_below()
    frames = decord_reader.read_with_decord(look(make_video("a.mp4", 40)), range(40))
    next(frames)
    assert len(processes_below() - before) == 1
    frames.close()
    assert processes_below() == before


@needs_decord
def test_the_child_rests_between_frames(make_video) -> None:
    before = processes_below()
    # More than the pipe holds, or it may have come to its end before it is stopped.
    frames = decord_reader.read_with_decord(look(make_video("a.mp4", 200)), range(200))
    next(frames)
    (child,) = processes_below() - before
    status = Path(f"/proc/{child}/status")
    deadline = time.monotonic() + 5
    while "State:\tT" not in status.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "State:\tT" in status.read_text()
    frames.close()


def test_a_hanging_child_is_killed(make_video, tmp_path: Path, monkeypatch) -> None:
    worker = tmp_path / "hangs.py"
    worker.write_text("while True: pass")
    monkeypatch.setattr(decord_reader, "_WORKER", worker)
    before = processes_below()
    with pytest.raises(decord_reader.DecordFailed, match=r"it gave nothing for 0\.3 s"):
        next(decord_reader.read_with_decord(look(make_video("a.mp4", 20)), [0], 0.3))
    assert processes_below() == before


def test_a_dying_child_is_noticed(make_video, tmp_path: Path, monkeypatch) -> None:
    worker = tmp_path / "dies.py"
    worker.write_text("import sys; sys.stdin.read(); sys.exit(3)")
    monkeypatch.setattr(decord_reader, "_WORKER", worker)
    with pytest.raises(decord_reader.DecordFailed, match="its process ended"):
        next(decord_reader.read_with_decord(look(make_video("a.mp4", 20)), [0]))


@needs_decord
def test_what_ffmpeg_complains_about_is_a_failure(shared: Path, tmp_path: Path) -> None:
    """Two flipped bytes: decord alone would give all 420 frames, one of them concealed."""
    data = bytearray((shared / "data" / "videos" / "v_ZNVhz7ctTq0.mp4").read_bytes())
    data[600_000] ^= 0x55
    data[600_010] ^= 0x33
    path = tmp_path / "flipped.mp4"
    path.write_bytes(data)
    with pytest.raises(decord_reader.DecordFailed, match="error while decoding"):
        list(decord_reader.read_with_decord(look(path), range(420)))
    with pytest.raises(DamagedVideoError, match=r"the first 6\.53 s are good"):
        list(pyav_reader.read_with_pyav(look(path), range(420)))


def test_playlists_open_no_other_file(make_video, tmp_path: Path) -> None:
    make_video("a.ts", 20)
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    with pytest.raises(ExtractorError, match=r"list.m3u8"):
        look(playlist)
