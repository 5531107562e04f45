"""--videos with lists of footage."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aqa.storage.places import RemotePath
from pipeline.footage.ids import told_apart
from pipeline.footage.videos import collect


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder with films/{a,b}.mp4, films/day 1/c.mov and frames/7/0.jpg."""
    touch(tmp_path / "films/a.mp4", tmp_path / "films/b.mp4", tmp_path / "films/day 1/c.mov")
    touch(tmp_path / "frames/7/0.jpg")
    return tmp_path


def listed(folder: Path, name: str, text: str) -> list[tuple[str, str]]:
    """(id, path below the folder) of each video of a list that has no mistake."""
    (folder / name).write_text(text, encoding="utf-8")
    videos, failures, _ = collect([str(folder / name)])
    assert failures == []
    return [(video.id, video.path.relative_to(folder).as_posix()) for video in videos]


@pytest.mark.parametrize("name", ["list.txt", "list.lst", "LIST.TXT", "list.csv"])
def test_a_path_per_line(films: Path, name: str) -> None:
    text = f"# finals\nfilms/b.mp4\n\n  films/day 1/c.mov  \n{films}/films/a.mp4\n"
    assert listed(films, name, text) == [
        ("b", "films/b.mp4"),
        ("c", "films/day 1/c.mov"),
        ("a", "films/a.mp4"),
    ]


def test_relative_to_the_list_not_to_the_working_directory(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(films)
    (films / "films/list.txt").write_text("a.mp4\n../films/b.mp4\n")
    videos, *_ = collect(["films/list.txt"])
    assert [video.id for video in videos] == ["a", "b"]


def test_folders_in_a_list(films: Path) -> None:
    assert listed(films, "l.txt", "films\nframes/7\n") == [
        ("a", "films/a.mp4"),
        ("b", "films/b.mp4"),
        ("day 1/c", "films/day 1/c.mov"),
        ("7", "frames/7"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "score,Path,id\n1,films/a.mp4,first\n2,films/b.mp4,\n3,frames/7,x/y\n",
        "\ufeffid;path\nfirst;films/a.mp4\n;films/b.mp4\nx/y;frames/7\n",
        '# ours\npath, id\n"films/a.mp4", first\nfilms/b.mp4\nframes/7,x/y\n',
    ],
)
def test_columns_path_and_id(films: Path, text: str) -> None:
    assert listed(films, "l.csv", text) == [
        ("first", "films/a.mp4"),
        ("b", "films/b.mp4"),
        ("x/y", "frames/7"),
    ]


def test_first_column_where_none_is_called_path(films: Path) -> None:
    assert listed(films, "l.csv", "films/a.mp4,7.5\nfilms/b.mp4,8\n") == [
        ("a", "films/a.mp4"),
        ("b", "films/b.mp4"),
    ]


@pytest.mark.parametrize("first", ["video,score", "score,films/a.mp4", "7.5,films/a.mp4"])
def test_a_csv_that_does_not_say_where_its_paths_are(films: Path, first: str) -> None:
    """Its header would pass as a path that is missing, its scores as many."""
    (films / "l.csv").write_text(f"{first}\nfilms/b.mp4,8\n")
    videos, (failure,), _ = collect([films / "l.csv"])
    assert videos == []
    assert failure.reason == (
        f"{films}/l.csv: no column 'path', and its first line, {first!r}, does not begin with a "
        "path: call the column that has the paths 'path'"
    )


def test_the_frame_rate_of_a_line_wins_over_the_option(films: Path) -> None:
    touch(films / "frames/8/0.jpg")
    (films / "l.csv").write_text("path;Frame_Rate\nframes/7;29,97\nframes/8;\nfilms/a.mp4;30\n")
    videos, failures, _ = collect([films / "l.csv"], frame_rate=50)
    assert failures == []
    assert [(v.id, v.frame_rate) for v in videos] == [("7", 29.97), ("8", 50), ("a", 30)]
    assert [v.frame_rate for v in collect([films / "l.csv"])[0]] == [29.97, 25, 30]


@pytest.mark.parametrize("rate", ["fast", "0", "-25", "nan", "inf", "25 fps"])
def test_a_frame_rate_that_is_none_is_the_failure_of_its_line(films: Path, rate: str) -> None:
    (films / "l.csv").write_text(f"path,frame_rate\nframes/7,{rate}\nfilms/a.mp4,\n")
    videos, (failure,), _ = collect([films / "l.csv"])
    assert [video.id for video in videos] == ["a"]
    assert failure.reason == (
        f"{films}/l.csv line 2: frame_rate {rate!r}: expected frames per second, a number above 0"
    )


def test_a_mistake_names_list_and_line_and_the_rest_goes_on(films: Path) -> None:
    (films / "other.txt").write_text("films/a.mp4\n")
    (films / "l.csv").write_text(
        "path,id\n\nfilms/gone.mp4,\nfilms/a.mp4,\n,nothing\ns3://me:a/b@c/x.mp4,\n"
        "other.txt,\nfilms,two\n"
    )
    videos, failures, _ = collect([films / "l.csv", films / "films/b.mp4"])
    assert [video.id for video in videos] == ["a", "b"]
    reasons = {failure.reason.replace(str(films), "") for failure in failures}
    assert reasons == {
        "/l.csv line 3: /films/gone.mp4: no such file or folder",
        "/l.csv line 5: no path",
        "/l.csv line 6: s3://...: a login inside a URI must be percent-encoded (/ is %2F); or set "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead",
        "/l.csv line 7: /other.txt: a list inside a list",
        "/l.csv line 8: /films: id 'two' for a folder of 3 videos",
    }


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.txt", None, r"gone\.txt: this list cannot be read: No such file"),
        ("empty.lst", b"# nothing\n\n", r"empty\.lst: this list is empty, expected one path"),
        ("header.csv", b"path,id\n", r"header\.csv: this list is empty"),
        ("film.txt", b"\x00\xff\xfe", r"film\.txt: this list cannot be read: .*utf-8"),
    ],
)
def test_a_list_that_is_none(films: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (films / name).write_bytes(content)
    videos, (failure,), _ = collect([films / name, films / "films/a.mp4"])
    assert [video.id for video in videos] == ["a"]
    assert re.search(words, failure.reason), failure.reason


def test_lines_of_one_id_are_failures_and_the_others_go_on(films: Path) -> None:
    (films / "l.csv").write_text("path,id\nfilms/a.mp4,x\nfilms/b.mp4,x\nfilms/b.mp4,y\n")
    told = told_apart(collect([films / "l.csv"]).videos)
    assert [video.id for video in told.videos] == ["y"]
    for failure, (name, other) in zip(told.failures, ("ab", "ba"), strict=True):
        words = rf"{name}\.mp4: would be saved as 'x', as .*{other}\.mp4 would: rename one"
        assert re.search(words, failure.reason)


def test_a_list_in_a_bucket(bucket: RemotePath, films: Path) -> None:
    for name in ("in/a 1.mp4", "in/deep/ü.mp4"):
        (bucket / name).write_whole(lambda file: file.write(b"x"))
    listing = bucket / "in/list.txt"
    uri = (bucket / "in/deep/ü.mp4").address
    lines = ("a 1.mp4", uri, "../in/gone.mp4", f"{films}/films/a.mp4")
    listing.write_whole(lambda file: file.write("\n".join(lines).encode()))
    videos, (failure,), _ = collect([listing.address])
    assert [video.id for video in videos] == ["a 1", "ü", "a"]
    assert [video.path for video in videos[:2]] == [bucket / "in/a 1.mp4", bucket / "in/deep/ü.mp4"]
    at = f"s3://{bucket.host}/in"
    assert failure.reason == f"{at}/list.txt line 3: {at}/gone.mp4: no such file or folder"
