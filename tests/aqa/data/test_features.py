import json

import numpy as np
import pytest

from aqa import AqaError
from aqa.data.features import FeatureFolder, FeatureOrigin, Stale, read_features
from aqa.storage.whole_files import write_atomically

SOURCE = {"path": "a.mp4", "size": 5, "mtime_ns": 7}


@pytest.fixture(params=["here", "s3"])
def place(request, tmp_path):
    """An empty feature folder on this machine, and one in a bucket."""
    return tmp_path / "f" if request.param == "here" else request.getfixturevalue("bucket") / "f"


def some_features(clips=3, channels=4):
    return np.arange(clips * channels, dtype=np.float32).reshape(clips, channels)


def test_saved_features_come_back_with_their_provenance(place, origin):
    folder = FeatureFolder(place)
    assert folder.ids() == [] and folder.origin() is None
    folder.write_origin(origin, {"torch": "2"})
    folder.save("day 1/v1.part", some_features(), origin, {"source": SOURCE, "fps": 25.0})
    folder.save("v2", some_features(2), origin, {"source": SOURCE})

    assert folder.ids() == ["day 1/v1.part", "v2"]
    np.testing.assert_array_equal(read_features(folder.path("day 1/v1.part")), some_features())
    assert folder.origin() == origin
    assert folder.record("day 1/v1.part")["fps"] == 25.0
    assert folder.record("other") is None
    assert folder.exists("v2") and not folder.exists("v3")
    assert folder.sweep() == 0


def test_features_are_complete_only_if_everything_matches(place, origin):
    folder = FeatureFolder(place)
    assert folder.reason_to_redo("v", origin) == Stale("no features yet")
    folder.save("v", some_features(), origin, {"source": SOURCE})
    assert folder.reason_to_redo("v", origin, SOURCE) is None
    assert folder.reason_to_redo("v", origin) is None

    other = FeatureOrigin("swin3d_b", "random", None, "mini16x112")
    stale = folder.reason_to_redo("v", other)
    assert "swin3d_mini / swin3d_b" in stale.reason and not stale.damaged
    changed = folder.reason_to_redo("v", origin, SOURCE | {"size": 6})
    assert changed == Stale("the source file has changed")
    elsewhere = SOURCE | {"path": "/other/v.mp4", "mtime_ns": 8}
    moved = folder.reason_to_redo("v", origin, elsewhere)
    assert moved == Stale(f"its features are of another file, {SOURCE['path']}")

    whole = folder.path("v").read_bytes()
    for wrong in (whole[:-4], whole + b"more", whole[:20], b"", b"no npy file"):
        write_atomically(folder.path("v"), lambda file, wrong=wrong: file.write(wrong))
        stale = folder.reason_to_redo("v", origin)
        assert "cannot be read" in stale.reason and stale.damaged
    write_atomically(folder.path("v"), lambda file: np.save(file, some_features(7)))
    stale = folder.reason_to_redo("v", origin)
    assert "recorded [3, 4]" in stale.reason and stale.damaged
    for wrong in (b"", b'{"origin": ', b"[]", b'{"origin": 3}', b"\xff"):
        record = folder.folder / "provenance/v.json"
        write_atomically(record, lambda file, wrong=wrong: file.write(wrong))
        assert folder.reason_to_redo("v", origin).damaged
    (folder.folder / "provenance/v.json").unlink()
    assert folder.reason_to_redo("v", origin) == Stale("features of unknown origin")


CHANGED = "the source file has changed"
OTHER = "its features are of another file, a.mp4"


@pytest.mark.parametrize(
    "known, now, digest, reason",
    [
        ("d1", {}, "never read", None),
        ("d1", {"path": "b.mp4"}, "d1", None),  # moved
        ("d1", {"path": "b.mp4", "mtime_ns": 8}, "d1", None),  # copied
        ("d1", {"mtime_ns": 8}, "d1", None),  # touched
        ("d1", {"path": "b.mp4"}, "d2", OTHER),  # another file of one size and time
        ("d1", {"mtime_ns": 8}, "d2", CHANGED),
        ("d1", {"size": 6}, "never read", CHANGED),
        ("d1", {"path": "b.mp4"}, None, None),  # in a bucket: by its time
        ("d1", {"path": "b.mp4", "mtime_ns": 8}, None, OTHER),
        (None, {"path": "b.mp4"}, "never read", None),  # an older record: by its time
        (None, {"mtime_ns": 8}, "never read", CHANGED),
        (None, {"path": "b.mp4", "mtime_ns": 8}, "never read", OTHER),
    ],
)
def test_a_source_is_known_by_its_content(tmp_path, origin, known, now, digest, reason):
    def read():
        assert digest != "never read"
        return digest

    folder, source = FeatureFolder(tmp_path), SOURCE | now
    before = SOURCE | ({"digest": known} if known else {})
    folder.save("v", some_features(), origin, {"source": before, "path": "a.mp4", "fps": 25.0})
    stale = folder.reason_to_redo("v", origin, source, digest=read)
    assert stale == (Stale(reason) if reason else None)


def test_a_time_of_0_says_nothing_of_a_moved_source(tmp_path, origin):
    """Some file systems keep none."""
    folder, timeless = FeatureFolder(tmp_path), SOURCE | {"mtime_ns": 0}
    folder.save("v", some_features(), origin, {"source": timeless})
    assert folder.reason_to_redo("v", origin, timeless) is None
    assert folder.reason_to_redo("v", origin, timeless | {"path": "b.mp4"}) == Stale(OTHER)


def test_where_a_source_was_moved_to_is_noted(place, origin):
    folder, moved = FeatureFolder(place), SOURCE | {"path": "b.mp4"}
    folder.save("v", some_features(), origin, {"source": SOURCE, "path": "a.mp4", "fps": 25.0})
    record = folder.record("v")
    assert folder.moved("v", SOURCE) is None
    folder.note("v", folder.moved("v", moved, lambda: "d1"))
    there = {"source": moved | {"digest": "d1"}, "path": "b.mp4"}
    assert folder.record("v") == record | there
    assert folder.moved("v", moved) is None
    folder.note("v", folder.moved("v", SOURCE))  # nothing to read it with: what is known stays
    assert folder.record("v")["source"] == SOURCE | {"digest": "d1"}


def test_a_folder_that_cannot_be_written_keeps_its_record(tmp_path, origin, monkeypatch):
    folder = FeatureFolder(tmp_path)
    folder.save("v", some_features(), origin, {"source": SOURCE})

    def read_only(*args):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("aqa.data.features.write_json", read_only)
    moved = SOURCE | {"path": "b.mp4"}
    folder.note("v", folder.moved("v", moved))
    assert folder.record("v")["source"] == SOURCE
    assert folder.reason_to_redo("v", origin, moved) is None


def test_a_source_that_was_moved_to_a_path_that_is_no_text(tmp_path, origin):
    folder, moved = FeatureFolder(tmp_path), SOURCE | {"path": "\udcff/a.mp4"}
    folder.save("v", some_features(), origin, {"source": SOURCE})
    folder.note("v", folder.moved("v", moved))
    assert folder.reason_to_redo("v", origin, moved) is None


def test_frames_at_another_rate_are_other_features(tmp_path, origin):
    folder = FeatureFolder(tmp_path)
    folder.save("v", some_features(), origin, {"source": SOURCE, "kind": "frames", "fps": 25.0})
    folder.save("film", some_features(), origin, {"source": SOURCE, "kind": "video", "fps": 30.0})
    words = "its frames were taken at 25 frames/s, asked for are 29.97"
    assert folder.reason_to_redo("v", origin, SOURCE, frame_rate=29.97) == Stale(words)
    assert folder.reason_to_redo("v", origin, SOURCE, frame_rate=25) is None
    assert folder.reason_to_redo("film", origin, SOURCE, frame_rate=25) is None


def test_a_crash_while_saving_leaves_no_feature_file(place, origin, monkeypatch):
    folder = FeatureFolder(place)
    folder.save("v", some_features(), origin, {})

    def broken(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        folder.save("v", some_features(5), origin, {})
    assert folder.reason_to_redo("v", origin) == Stale("no features yet")
    assert folder.sweep() == 0


def test_sweep_removes_what_killed_writers_left_and_nothing_else(place, origin):
    folder = FeatureFolder(place)
    folder.save("a/v.tmp", some_features(), origin, {})
    kept = (".hidden.tmp", "a/notes.tmp", ".v.npy.0123.tmp")
    left = (f".v.npy.{'0a' * 16}.tmp", f"a/.v.json.{'1b' * 16}.tmp")
    for name in kept + left:
        write_atomically(folder.folder / name, lambda file: file.write(b"x"))
    assert folder.sweep() == 2
    assert all((folder.folder / name).exists() for name in kept)
    assert not any((folder.folder / name).exists() for name in left)
    assert folder.reason_to_redo("a/v.tmp", origin) is None


def test_weights_are_compared_by_digest_where_both_know_it():
    def origin(weights, digest):
        return FeatureOrigin("swin3d_b", weights, digest, "contiguous32")

    assert origin("a", "1" * 64).differences(origin("b", "1" * 64)) == []
    assert origin("a", "1" * 64).differences(origin("a", None)) == []
    assert origin("a", None).differences(origin("b", "1" * 64)) == ["weights a / b"]
    assert origin("a", "1" * 64).differences(origin("a", "2" * 64))
    assert FeatureOrigin.from_dict(origin("a", None).to_dict()) == origin("a", None)


def test_float16_is_read_as_float32(place):
    path = place / "v.npy"
    write_atomically(path, lambda file: np.save(file, some_features().astype(np.float16)))
    features = read_features(path, channels=4)
    assert features.dtype == np.float32 and features.shape == (3, 4)


@pytest.mark.parametrize(
    "stored, problem",
    [
        (np.zeros(4, np.float32), r"shape \[4\], expected \[clips, channels\]"),
        (np.zeros((0, 4), np.float32), r"shape \[0, 4\]"),
        (np.zeros((2, 4), np.int64), "holds int64"),
        (np.zeros((2, 5), np.float32), "5 wide, expected 4"),
        (np.array([[1, 2, 3, np.nan]], np.float32), "NaN or infinity in 1 of 1 clips"),
        (np.full((2, 4), np.inf, np.float32), "NaN or infinity in 2 of 2 clips"),
    ],
)
def test_bad_features_are_refused_by_name(tmp_path, stored, problem):
    path = tmp_path / "video 7.npy"
    np.save(path, stored)
    with pytest.raises(AqaError, match=f"video 7.npy: .*{problem}"):
        read_features(path, channels=4)


def test_pickled_and_damaged_and_missing_files_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(b"not npy")
    (tmp_path / "c.npy").write_bytes(b"")
    for name in "abc":
        with pytest.raises(AqaError, match=f"{name}.npy is no readable feature file"):
            read_features(tmp_path / f"{name}.npy")
    with pytest.raises(AqaError, match="no such feature file"):
        read_features(tmp_path / "d.npy")


def test_features_that_are_not_in_the_bucket(bucket):
    with pytest.raises(AqaError, match=r"s3://bucket-\d+/d.npy: no such feature file"):
        read_features(bucket / "d.npy")


@pytest.mark.parametrize("bad", ["../v", "/tmp/v", "", "a/../../v"])
def test_ids_cannot_leave_the_folder(tmp_path, bad):
    with pytest.raises(AqaError, match="cannot be the id"):
        FeatureFolder(tmp_path).path(bad)


def test_broken_provenance_is_an_error_not_silence(tmp_path, origin):
    (tmp_path / "provenance.json").write_text("{")
    with pytest.raises(AqaError, match=r"provenance.json cannot be read"):
        FeatureFolder(tmp_path).origin()
    (tmp_path / "provenance.json").write_text(json.dumps({"origin": {"backbone": 3}}))
    with pytest.raises(AqaError, match="expected backbone"):
        FeatureFolder(tmp_path).origin()
