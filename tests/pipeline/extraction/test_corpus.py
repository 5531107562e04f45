"""More than a hundred bad or odd videos in one extraction, among good ones: each ends in features
or in one line that names it, and the good ones have the bits that they have alone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import Result as CliResult
from quick import TINY, TINY_SPEC

from pipeline.extraction.stages.assembly import Finished

# Ending: encoder, options of the muxer. Key frames every 16.
SEEDS = {
    "mp4": ("libx264", {"movflags": "faststart"}),
    "mkv": ("libx264", {}),
    "avi": ("mpeg4", {}),
    "ts": ("libx264", {}),
    "flv": ("flv", {}),
    "webm": ("libvpx", {}),
}
# What is cut off shows less, and nothing tells.
LESS = {"ts"}


def encode(
    path: Path,
    frames: int,
    *,
    fps: int = 25,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    muxer: dict[str, str] | None = None,
) -> Path:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (frames, 6, 8, 3), np.uint8)
    with av.open(str(path), "w", options=muxer or {}) as file:
        stream = file.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.options = {"g": "16", "preset": "ultrafast"} if codec == "libx264" else {"g": "16"}
        for picture in blocks:
            large = np.kron(picture, np.ones((size[1] // 6 + 1, size[0] // 8 + 1, 1), np.uint8))
            frame = np.ascontiguousarray(large[: size[1], : size[0]])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
    return path


@dataclass
class Corpus:
    """``folder`` of files; names of those that must be ``done``, and of those that must not."""

    folder: Path
    done: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    either: set[str] = field(default_factory=set)

    def add(self, name: str, content: bytes, verdict: set[str]) -> None:
        (self.folder / name).write_bytes(content)
        verdict.add(name)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    made = Corpus(tmp_path / "in")
    made.folder.mkdir()
    for ending, (codec, muxer) in SEEDS.items():
        spoiled_copies(made, ending, encode_bytes(tmp_path, ending, codec, muxer))
    odd_videos(made)
    no_videos(made)
    return made


def encode_bytes(folder: Path, ending: str, codec: str, muxer: dict[str, str]) -> bytes:
    path = encode(folder / f"seed.{ending}", 48, codec=codec, muxer=muxer)
    return path.read_bytes()


def spoiled_copies(made: Corpus, ending: str, whole: bytes) -> None:
    """Cut at every tenth, of which a TS does not tell; spans of zeros and of flipped bits, which
    may fall on nothing that matters."""
    size = len(whole)
    made.add(f"whole_{ending}.{ending}", whole, made.done)
    for tenth in range(1, 10):
        verdict = made.either if ending in LESS else made.refused
        made.add(f"cut{tenth}_{ending}.{ending}", whole[: size * tenth // 10], verdict)
        at, end = size * tenth // 10, size * tenth // 10 + size // 40
        for kind, middle in (
            ("zero", bytes(end - at)),
            ("flip", bytes(byte ^ 0xFF for byte in whole[at:end])),
        ):
            name = f"{kind}{tenth}_{ending}.{ending}"
            made.add(name, whole[:at] + middle + whole[end:], made.either)
    made.add(f"head_{ending}.{ending}", whole[:64], made.refused)


def odd_videos(made: Corpus) -> None:
    """One clip takes 16 frames at 25 per second, so 0.64 s."""
    for frames, verdict in ((15, made.refused), (16, made.done), (17, made.done)):
        encode(made.folder / f"frames{frames}.mp4", frames)
        verdict.add(f"frames{frames}.mp4")
    encode(made.folder / "slow.mp4", 2, fps=1)
    encode(made.folder / "fast.mkv", 700, fps=1000)
    encode(made.folder / "small.mkv", 16, size=(2, 2), codec="ffv1")
    encode(made.folder / "large.avi", 2, fps=2, size=(7680, 4320), codec="mjpeg")
    made.done |= {"slow.mp4", "fast.mkv", "small.mkv", "large.avi"}


def no_videos(made: Corpus) -> None:
    for name, content in {
        "empty.mp4": b"",
        "words.mp4": b"these are words\n" * 40,
        "page.mp4": b"<!DOCTYPE html><html><body>404</body></html>",
        "pointer.mp4": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "playlist.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n",
        "zeros.mp4": bytes(4096),
        "noise.mkv": np.random.default_rng(1).bytes(4096),
    }.items():
        made.add(name, content, made.refused)
    os.mkfifo(made.folder / "pipe.mp4")
    (made.folder / "loop.mp4").symlink_to("loop.mp4")
    (made.folder / "gone.mp4").symlink_to("nowhere.mp4")
    made.refused |= {"pipe.mp4", "loop.mp4", "gone.mp4"}


@pytest.fixture
def good(tmp_path: Path, routine_video: Callable[..., Path]) -> list[Path]:
    return [routine_video(f"in/{name}.mp4", elements=2) for name in ("0good", "zgood")]


def test_each_ends_in_its_verdict(
    cli: Callable[..., CliResult],
    corpus: Corpus,
    good: list[Path],
    alone: Callable[..., Finished],
    tmp_path: Path,
) -> None:
    assert len(corpus.done | corpus.refused | corpus.either) > 120
    named = sorted(corpus.folder.iterdir())
    done = cli("extract", "--videos", *named, *TINY, "--output", "out", "--ray-address", "none")
    assert done.exit_code == 1 and "Traceback" not in done.output
    features = {path.stem for path in Path("out").glob("*.npy")}
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for name in corpus.refused | corpus.done | corpus.either:
        about = [line for line in lines if re.search(rf"\b{re.escape(name)}\b", line)]
        stem = Path(name).stem
        assert (stem in features) != bool(about), name
        assert len(about) <= 1
        assert name not in corpus.done or stem in features, name
        assert name not in corpus.refused or stem not in features, name
    for path in good:
        expected = alone(path, TINY_SPEC).features.tobytes()
        assert np.load(tmp_path / f"out/{path.stem}.npy").tobytes() == expected
