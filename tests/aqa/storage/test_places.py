"""Places on other file systems: an S3 server of the tests', and pyarrow's own in memory."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from aqa import AqaError
from aqa.storage.places import RemotePath, as_place, states

SECRET = "s3://me:top%2Fsecret@films/a/b c.mp4?scheme=http&endpoint_override=x%3A1"


def put(path: RemotePath, content: bytes = b"x") -> RemotePath:
    path.write_whole(lambda file: file.write(content))
    return path


def test_what_is_a_path_of_this_machine() -> None:
    assert as_place("a/b.mp4") == Path("a/b.mp4")
    assert as_place("file:///a/b%20c.mp4") == Path("/a/b c.mp4")
    assert as_place("C:/a") == Path("C:/a")
    assert as_place(Path("a")) == Path("a")
    assert isinstance(as_place("s3://a/b"), RemotePath)


@pytest.mark.parametrize("key", ["a/b c.mp4", "ü/100%25 #1.mp4", "final.take.2.mp4", "a%3Fb"])
def test_an_address_opens_the_same_place_again(key: str) -> None:
    place = RemotePath.parse(f"s3://me:top%2Fsecret@films/{key}?region=eu-west-1")
    assert RemotePath.parse(place.address) == place
    assert RemotePath.parse(place.address_to_keep) == RemotePath.parse(
        f"s3://films/{key}?region=eu-west-1"
    )
    assert pickle.loads(pickle.dumps(place)) == place


def test_names_are_those_of_a_path() -> None:
    place = RemotePath.parse(SECRET)
    assert str(place) == "s3://films/a/b c.mp4"
    assert (place.name, place.stem, place.suffix) == ("b c.mp4", "b c", ".mp4")
    assert str(place.parent) == "s3://films/a"
    assert str(place.parent / "../x/1%.npy") == "s3://films/x/1%.npy"
    assert str(RemotePath.parse("s3://films") / "a") == "s3://films/a"
    assert str(RemotePath.parse("hdfs://me:word@host:8020/a")) == "hdfs://me@host:8020/a"


def test_no_secret_is_shown() -> None:
    place = RemotePath.parse(SECRET)
    for text in (str(place), repr(place), place.address_to_keep):
        assert "top" not in text and "secret" not in text
    assert "client" not in RemotePath.parse("abfs://a/b?client_secret=x").address_to_keep


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://me:top/secret@films/a.mp4", "must be percent-encoded"),
        ("s3:///a.mp4", "names no bucket"),
    ],
)
def test_an_address_that_is_none(uri: str, words: str) -> None:
    with pytest.raises(AqaError, match=words) as error:
        RemotePath.parse(uri)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://me:top%2Fsecret@films/a?nonsense=word", "nonsense"),
        ("nosuch://me:top%2Fsecret@films/a", "Unrecognized filesystem type"),
        (
            "s3://me:top%2Fsecret@films/a?endpoint_override=127.0.0.1%3A1&scheme=http",
            "Could not connect to server",
        ),
    ],
)
def test_what_cannot_be_reached_is_one_line_without_secrets(uri: str, words: str) -> None:
    place = RemotePath.parse(uri)
    with pytest.raises(AqaError, match=words) as error:
        place.read_bytes()
    text = str(error.value)
    assert text.startswith(f"{place} cannot be read: ") and "\n" not in text
    assert "top" not in text and "%2F" not in text
    assert error.value.__suppress_context__


def test_write_read_look_list_remove(bucket: RemotePath) -> None:
    file = put(bucket / "deep/er/ü #1.txt", b"12345")
    put(bucket / "deep/2.txt")
    assert file.read_text() == "12345"
    with file.open() as stream:
        assert stream.read(2) == b"12"
    file_info, folder_info, nothing = states([file, bucket / "deep", bucket / "dee"])
    assert (file_info.kind, file_info.size) == ("file", 5) and file_info.mtime_ns > 1e18
    assert folder_info.kind == "folder" and nothing is None
    assert file.is_file() and not file.is_dir() and (bucket / "deep").is_dir()
    assert {str(info.path) for info in (bucket / "deep").files()} == {
        str(bucket / "deep/2.txt"),
        str(file),
    }
    assert [info.path for info in (bucket / "deep").files(recursive=False)] == [
        bucket / "deep/2.txt"
    ]
    assert (bucket / "nothing").files() == []
    file.unlink()
    assert not file.exists()
    file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match=r"deep/er/ü #1\.txt"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"deep/er/ü #1\.txt"):
        file.read_bytes()


def test_a_bucket_that_is_not_there(bucket: RemotePath) -> None:
    gone = RemotePath.parse(bucket.address.replace(bucket.host, "no-such-bucket")) / "x"
    assert not gone.exists()
    with pytest.raises(
        AqaError, match=r"s3://no-such-bucket/x cannot be written: .*NO_SUCH_BUCKET"
    ):
        put(gone)


def half(file: BinaryIO) -> None:
    file.write(b"half")
    raise OSError("disk full")


@pytest.fixture(params=["s3", "memory"])
def anywhere(request: pytest.FixtureRequest) -> RemotePath:
    """An object store, and a file system where a file is seen while it is written."""
    if request.param == "s3":
        return request.getfixturevalue("bucket")
    return RemotePath.parse("mock://") / request.node.name


def test_written_as_a_whole_or_not_at_all(anywhere: RemotePath) -> None:
    place = anywhere / "folder/file"
    put(place, b"old")
    put(place, b"new")
    assert place.read_bytes() == b"new"
    with pytest.raises(OSError, match="disk full"):
        place.write_whole(half)
    assert place.read_bytes() == b"new"
    assert [info.path for info in anywhere.files()] == [place]


def test_a_failed_move_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file is first written under another name."""
    import aqa.storage.places

    place = RemotePath.parse("mock://") / "unmoved/file"
    system, root = aqa.storage.places._connect(place._server)

    class Unmovable:
        def __getattr__(self, name: str) -> object:
            return getattr(system, name)

        def move(self, source: str, target: str) -> None:
            raise OSError("connection lost")

    monkeypatch.setattr(aqa.storage.places, "_connect", lambda server: (Unmovable(), root))
    with pytest.raises(AqaError, match="unmoved/file cannot be written: connection lost"):
        put(place)
    assert (RemotePath.parse("mock://") / "unmoved").files() == []


def test_pyarrow_is_imported_only_for_other_file_systems() -> None:
    code = (
        "import sys, aqa, aqa.storage.places, aqa.data.features;"
        "aqa.data.features.FeatureFolder('x').ids();"
        "assert not {'pyarrow', 'pipeline', 'ray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
