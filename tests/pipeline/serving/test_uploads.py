"""What is taken of what comes over HTTP, and what is said of the rest."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pipeline.serving.options import Limits
from pipeline.serving.store import Store
from pipeline.serving.uploads import RefusedError, Uploads, clean_name

Video = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def uploads(store: Store, **limits: float) -> Uploads:
    return Uploads(store, Limits(**limits), "mini16x112")


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


def take(taking: Uploads, name: str, content: bytes) -> tuple[str, float, int]:
    async def both() -> tuple[str, float, int]:
        received = await taking.receive(name, pieces(content))
        return received.digest, *await taking.look(received, name)

    return asyncio.run(both())


def kept(store: Store) -> list[str]:
    return [path.name for path in (store.folder / "uploads").iterdir()]


def test_a_video_is_taken(store: Store, routine_video: Video) -> None:
    content = routine_video("a.mp4", elements=5).read_bytes()
    digest, seconds, clips = take(uploads(store), "a.mp4", content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert (seconds, clips) == (pytest.approx(3.2), 5) and len(kept(store)) == 1


@pytest.mark.parametrize(
    ("content", "limits", "status", "said"),
    [
        (b"", {}, 400, "a.mp4: empty"),
        (b"x" * 5000, {"upload_bytes": 4000}, 413, "a.mp4: larger than"),
        (b"words " * 1000, {}, 422, "a.mp4: no video that can be read"),
        (b"%PDF-1.4 " * 100, {}, 422, "a.mp4: "),
    ],
)
def test_what_is_no_video_leaves_nothing(
    store: Store, content: bytes, limits: dict, status: int, said: str
) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        take(uploads(store, **limits), "a.mp4", content)
    assert refused.value.status == status and kept(store) == []
    assert str(store.folder) not in str(refused.value) and "part-" not in str(refused.value)


def test_a_video_that_is_too_long_or_cut_off(store: Store, routine_video: Video) -> None:
    content = routine_video("a.mp4", elements=5).read_bytes()
    with pytest.raises(RefusedError, match=r"0.1 minutes long, taken are 0.05 at most"):
        take(uploads(store, video_s=3.0), "a.mp4", content)
    with pytest.raises(RefusedError, match=r"^a.mp4: an MP4 without its index"):
        take(uploads(store), "a.mp4", content[:-2000])
    assert kept(store) == []


def test_a_client_that_leaves_leaves_nothing(store: Store) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(uploads(store).receive("a.mp4", broken()))
    assert kept(store) == []


def test_names_are_names() -> None:
    assert clean_name("C:\\videos\\a b.MP4") == "a b.MP4"
    assert clean_name("../../etc/\u00fc\n.mov") == "\u00fc.mov"
    assert len(clean_name("x" * 500 + ".mp4")) == 200
    assert clean_name("<img src=x onerror=a>.mp4") == "<img src=x onerror=a>.mp4"  # shown as text
    for name, said in (("", "no name"), ("a/..", "no video"), ("a.html", "no video by its ending")):
        with pytest.raises(RefusedError, match=said):
            clean_name(name)
