"""The process that reads: what hangs or crashes in it, who shares it, and when it ends."""

from __future__ import annotations

import io
import os
import signal
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from extractors import ExtractorError, Protocol, look, open_clips, read_clips
from extractors.clips import messages
from extractors.clips import process as reading
from extractors.clips import service as reading_service
from extractors.readers import decord_available, pyav_reader

needs_decord = pytest.mark.skipif(not decord_available(), reason="decord has no wheel here")
pytestmark = pytest.mark.usefixtures("fresh_process")


def processes_below() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def the_process() -> psutil.Process:
    (process,) = processes_below()
    return process


def test_one_process_reads_many_videos(make_video, read_indices) -> None:
    pids = set()
    for frames in (20, 40, 60):
        clips = list(read_clips(make_video(f"{frames}.mp4", frames), "mini16x112(fps=native)"))
        assert read_indices(np.concatenate(clips))[0] == frames % 16 // 2
        pids.add(the_process().pid)
    with pytest.raises(ExtractorError, match="no such file"):
        open_clips("none.mp4", "mini16x112")
    assert pids == {the_process().pid}


def test_a_stream_that_is_not_read_holds_no_process(make_video) -> None:
    path = make_video("a.mp4", 40)
    streams = [open_clips(path, "mini16x112") for _ in range(5)]
    assert len(processes_below()) == 1
    assert [len(list(stream)) for stream in streams] == [2] * 5
    assert len(processes_below()) == 1


def test_the_working_folder_is_that_of_the_call(make_video, tmp_path: Path, monkeypatch) -> None:
    make_video("a.mp4", 20)
    monkeypatch.chdir(tmp_path)
    stream = open_clips("a.mp4", "mini16x112")
    assert stream.info.path == "a.mp4"
    monkeypatch.chdir("/")
    assert len(list(stream)) == 1
    with pytest.raises(ExtractorError, match=r"^a\.mp4: no such file$"):
        open_clips("a.mp4", "mini16x112")


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9.mp4"), "new\nline.mp4", " #?%.mp4"])
def test_any_file_name(make_video, name: str) -> None:
    video = make_video("a.mp4", 20)
    assert len(list(read_clips(video.rename(video.with_name(name)), "mini16x112"))) == 1


def test_a_protocol_of_ones_own(make_video) -> None:
    protocol = Protocol("own", "contiguous", 5, fps=12.5, size=(8, 9))
    (clip,) = read_clips(make_video("a.mp4", 12), protocol)
    assert clip.shape == (5, 8, 9, 3) and clip.flags.writeable


def test_a_file_that_never_answers(make_video) -> None:
    """A pipe that nobody writes stands in for a dead mount: the system call does not return."""
    path = make_video("a.mp4", 20)
    stream = open_clips(path, "mini16x112", stall_limit_s=0.5)
    path.unlink()
    os.mkfifo(path)
    words = r"a\.mp4: reading gave nothing for 0\.5 s at about clip 1 of 1 \(t = 0\.08 s\); is the"
    with pytest.raises(ExtractorError, match=words):
        list(stream)
    assert processes_below() == []
    with pytest.raises(ExtractorError, match=r"a\.mp4: not a regular file$"):
        open_clips(path, "mini16x112")


def test_a_look_that_stands_still(make_video) -> None:
    path = make_video("a.mp4", 20)
    len(open_clips(path, "mini16x112"))
    the_process().suspend()
    words = r"a\.mp4: reading gave nothing for 0\.5 s while opening it; is the file damaged"
    with pytest.raises(ExtractorError, match=words):
        open_clips(path, "mini16x112", stall_limit_s=0.5)
    assert len(open_clips(path, "mini16x112")) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_dies_is_replaced_once(make_video, number: signal.Signals) -> None:
    path = make_video("a.mp4", 320)
    protocol = "contiguous32(size=112x112)"  # a clip fills the pipe: reading cannot run ahead
    want = list(read_clips(path, protocol))
    stream = open_clips(path, protocol)
    clips = iter(stream)
    got = [next(clips)]
    the_process().send_signal(number)
    got += [next(clips) for _ in range(4)]
    assert np.array_equal(got, want[:5])
    the_process().send_signal(number)
    words = rf"ended with signal {number.value} \({number.name}\) at about clip \d+ of 10 \(t = "
    with pytest.raises(ExtractorError, match=words) as error:
        list(clips)
    assert "\n" not in str(error.value) and str(error.value).startswith(str(path))
    assert np.array_equal(list(stream), want)


def test_a_stream_that_is_closed_is_not_read_on(make_video) -> None:
    stream = open_clips(make_video("a.mp4", 320), "contiguous32")
    clips = iter(stream)
    next(clips)
    stream.close()
    with pytest.raises(ExtractorError, match="ended with signal 9"):
        list(clips)


def test_one_that_died_at_rest_is_replaced(make_video, soon, gone) -> None:
    path = make_video("a.mp4", 20)
    stream = open_clips(path, "mini16x112")
    process = the_process()
    process.kill()
    assert soon(lambda: gone(process.pid))
    assert len(list(stream)) == 1


def test_one_that_dies_as_it_is_asked_to_look_is_replaced_once(make_video, monkeypatch) -> None:
    """Just killed, a process may still count as alive: Linux ends its threads one by one."""
    path, killed = make_video("a.mp4", 20), []
    answers = reading.ReadingProcess.answers

    def kill_first(process: reading.ReadingProcess, *job: object) -> object:
        if len(killed) < times:
            killed.append(process)
            process.kill()
        return answers(process, *job)

    monkeypatch.setattr(reading.ReadingProcess, "answers", kill_first)
    times = 1
    assert len(open_clips(path, "mini16x112")) == 1
    times = 3
    with pytest.raises(ExtractorError, match=r"ended with signal 9 \(SIGKILL\) while opening it"):
        open_clips(path, "mini16x112")
    assert len(killed) == 3


HANGING_DECORD = """
import sys, time
sys.path.pop(0)
del sys.modules["decord"]
import decord

class VideoReader(decord.VideoReader):
    given = 0
    def next(self):
        while VideoReader.given >= {frames}:
            time.sleep(1)
        VideoReader.given += 1
        return super().next()

decord.VideoReader = VideoReader
"""


@needs_decord
@pytest.mark.parametrize(
    ("frames", "reader", "limit_s"),
    [(0, "pyav", 2), (40, "decord+pyav", 5)],  # half of it for decord, in which it must start
)
def test_pyav_takes_over_from_a_hanging_decord(
    make_video, soon, gone, tmp_path: Path, monkeypatch, frames: int, reader: str, limit_s: float
) -> None:
    path = make_video("a.mp4", 96)
    want = list(read_clips(path, "mini16x112", reader="pyav"))
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake/decord.py").write_text(HANGING_DECORD.format(frames=frames))
    monkeypatch.syspath_prepend(tmp_path / "fake")
    process = the_process()
    process.kill()
    assert soon(lambda: gone(process.pid))  # the next one has the new import path
    stream = open_clips(path, "mini16x112", reader="decord", stall_limit_s=limit_s)
    for _ in range(2):
        assert stream.info.reader == "decord"
        assert np.array_equal(list(stream), want)
        assert stream.info.reader == reader
        assert stream.info.reader_note == f"decord failed: it gave nothing for {limit_s / 2:g} s"
        stream = open_clips(path, "mini16x112", reader="decord", stall_limit_s=limit_s)
    assert len(processes_below()) == 1


@needs_decord
def test_pyav_takes_over_from_a_killed_decord(make_video) -> None:
    path = make_video("a.mp4", 160)
    stream = open_clips(path, "contiguous32", reader="decord")
    clips = iter(stream)
    got = [next(clips)]
    (decord,) = set(processes_below()) - set(psutil.Process().children())
    decord.kill()
    got.extend(clips)
    assert stream.info.reader == "decord+pyav"
    assert stream.info.reader_note == "decord failed: its process ended"
    assert np.array_equal(got, list(read_clips(path, "contiguous32")))


@pytest.mark.parametrize("reader", ["pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize("how", ["close", "drop", "with"])
def test_stopping_early_ends_the_process(make_video, soon, gone, reader: str, how: str) -> None:
    stream = open_clips(make_video("a.mp4", 160), "contiguous32", reader=reader)
    clips = iter(stream)
    next(clips)
    assert len(processes_below()) == (2 if reader == "decord" else 1)
    if how == "close":
        stream.close()
    elif how == "drop":
        del clips
    else:
        with stream:
            pass
    assert soon(lambda: not [p for p in processes_below() if not gone(p.pid)])


def test_two_streams_at_once_in_threads(make_video, read_indices) -> None:
    path = make_video("a.mp4", 160)
    got: dict[int, list[int]] = {}

    def read(first: int) -> None:
        clips = read_clips(path, "mini16x112", start_s=first / 25)
        got[first] = read_indices(np.concatenate(list(clips)))

    threads = [threading.Thread(target=read, args=(first,)) for first in (0, 32, 64, 96)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {first: list(range(first, 160)) for first in (0, 32, 64, 96)}
    # All threads are gone, and with them whoever asked for a process: it lives on, for the next.
    process = the_process()
    assert len(list(read_clips(path, "mini16x112"))) == 10
    assert process.is_running() and the_process() == process


def test_passing_over_frames_is_progress(make_video) -> None:
    path, count = make_video("a.mp4", 90), [0]

    def progress() -> None:
        count[0] += 1

    container = look(path, progress)
    assert count[0] >= 90
    count[0] = 0
    (_,) = pyav_reader.read_with_pyav(container, [89], progress)
    assert count[0] >= 90


def test_progress_is_told(make_video, monkeypatch) -> None:
    monkeypatch.setattr(reading_service, "_TELL_EVERY_S", 0)
    out = io.BytesIO()
    reply = reading_service._Reply(out)
    path = str(make_video("a.mp4", 90))
    job = messages.OpenJob(path, "/", Protocol("o", "uniform", 1, 1), "pyav", 3.0, None, 25)
    reading_service._do(job, reply)
    head = messages.HEAD
    assert out.getvalue().count(head.pack(messages.ALIVE, 0)) >= 90
    assert head.unpack_from(out.getvalue().lstrip(head.pack(messages.ALIVE, 0)))[0] == b"O"


def test_anything_unforeseen_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "frames/1.png").mkdir(parents=True)
    words = r"frames: has 1 frames.*needs 16"
    with pytest.raises(ExtractorError, match=words):
        open_clips(tmp_path / "frames", "mini16x112")
    with pytest.raises(ExtractorError, match=r"frames: IsADirectoryError: .* while opening it"):
        open_clips(tmp_path / "frames", "mini16x112(clip_frames=1)")


def test_a_limit_must_be_above_0(make_video) -> None:
    with pytest.raises(ExtractorError, match="without progress must be above 0 s, got 0"):
        open_clips(make_video("a.mp4", 20), "mini16x112", stall_limit_s=0)
