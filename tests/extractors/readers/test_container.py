from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from extractors import DamagedVideoError, ExtractorError, look


def test_facts(make_video) -> None:
    container = look(make_video("a.mp4", 50, fps=30, size=(64, 48)))
    assert (container.codec, container.format, container.pixels) == ("h264", "mov", "yuv420p")
    assert (container.width, container.height, container.rotation) == (64, 48, 0)
    assert (container.frame_count, container.discarded, container.video_streams) == (50, 0, 1)
    assert container.fps == pytest.approx(30)
    assert container.duration_s == pytest.approx(50 / 30)
    assert np.allclose(container.times_s, np.arange(50) / 30)
    assert container.constant_rate
    assert container.decord_unsafe is None
    assert container.damage is None


REAL = {
    # name: frames, width, height, why decord must not read it
    "demo.mp4": (280, 340, 256, None),
    "v_ZNVhz7ctTq0.mp4": (420, 480, 360, None),
    "h265_video.mp4": (10, 128, 128, None),
    "stream_copy_cut.mp4": (302, 320, 240, "an edit list hides 132 packets, decord shows them"),
    "nasa_13013.mp4": (390, 480, 270, "it has 2 video streams"),
    "video_90.mov": (3, 320, 568, "it is rotated"),
    "av1_video.mkv": (125, 640, 360, "av1 is not for decord"),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(shared: Path, name: str) -> None:
    container = look(shared / "data" / "videos" / name)
    facts = (container.frame_count, container.width, container.height, container.decord_unsafe)
    assert facts == REAL[name]
    assert container.times_s[0] == 0 and np.all(np.diff(container.times_s) > 0)


def test_varying_rate_is_seen(make_video) -> None:
    container = look(make_video("a.mp4", 4, times_ms=[0, 40, 200, 240]))
    assert not container.constant_rate
    assert container.decord_unsafe == "its frame rate varies"


def test_late_start_is_seen(make_video) -> None:
    container = look(make_video("a.mkv", 20, times_ms=[400 + 40 * i for i in range(20)]))
    assert container.decord_unsafe == "its time stamps do not start at 0"


def test_no_video(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_bytes(b"no video at all\n" * 40)
    words = (
        r"text\.mp4: no video that can be read \(640 bytes; .*check that the file is complete and"
    )
    with pytest.raises(ExtractorError, match=words):
        look(path)


@pytest.mark.parametrize("name", ["sound.m4a", "sound.mp4"])
def test_sound_only(make_audio, name: str) -> None:
    with pytest.raises(ExtractorError, match=f"{name}: holds no video"):
        look(make_audio(name))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(ExtractorError, match="no such file"):
            look(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_cut_short(make_video, name: str, tmp_path: Path) -> None:
    """A copy that stopped half-way still opens; it must not pass as a shorter video."""
    whole = make_video(name, 500, size=(160, 96), muxer={"movflags": "faststart"})
    cut = tmp_path / f"cut_{name}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    container = look(cut)
    sizes = f"{whole.stat().st_size} bytes are declared, {cut.stat().st_size} are there"
    assert container.damage.reason == f"the file is cut short ({sizes})"
    assert container.decord_unsafe == "it is damaged"
    assert 1 < container.holes[0][0] < 19
    with pytest.raises(
        DamagedVideoError, match=r"cut short .*; the first \d+\.\d\d s are good"
    ) as e:
        container.require(None)
    container.require(e.value.good_s)


def test_cut_before_the_index(make_video, tmp_path: Path) -> None:
    whole = make_video("a.mp4", 100)  # its index stands at the end
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(ExtractorError, match="check that the file is complete"):
        look(cut)


def test_stream_copied_cut_from_the_middle_of_a_group(make_video, tmp_path: Path) -> None:
    """Matroska has no edit list: what comes before the first key frame is never shown."""
    source = make_video("a.mkv", 60, options={"g": "20", "bf": "2"})
    path = tmp_path / "cut.mkv"
    with av.open(str(source)) as file, av.open(str(path), "w") as out:
        stream = file.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for number, packet in enumerate(file.demux(stream)):
            if packet.dts is not None and number >= 11:
                packet.stream = copy
                out.mux(packet)
    container = look(path)
    with av.open(str(path)) as file:
        shown = sum(1 for _ in file.decode(video=0))
    assert container.frame_count == shown
    assert container.decord_unsafe == "its time stamps cannot be trusted"


@pytest.mark.parametrize(("transfer", "said"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_high_dynamic_range_is_said(make_video, transfer: str, said: str) -> None:
    tags = f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    options = {"x265-params": tags}
    path = make_video("a.mp4", 4, codec="libx265", pixels="yuv420p10le", options=options)
    assert look(path).remarks == (
        f"HDR ({said}), 10 bit: taken as it is stored, duller than a player shows it",
    )
