import json

import numpy as np
import pytest

from aqa import AqaError
from aqa.features import FeatureFolder, FeatureOrigin, read_features

SOURCE = {"path": "a.mp4", "size": 5, "mtime_ns": 7}


def some_features(clips=3, channels=4):
    return np.arange(clips * channels, dtype=np.float32).reshape(clips, channels)


def test_saved_features_come_back_with_their_provenance(tmp_path, origin):
    folder = FeatureFolder(tmp_path)
    folder.write_origin(origin, {"torch": "2"})
    folder.save("day 1/v1.part", some_features(), origin, {"source": SOURCE, "fps": 25.0})
    folder.save("v2", some_features(2), origin, {"source": SOURCE})

    assert folder.ids() == ["day 1/v1.part", "v2"]
    np.testing.assert_array_equal(read_features(folder.path("day 1/v1.part")), some_features())
    assert folder.origin() == origin
    assert folder.record("day 1/v1.part")["fps"] == 25.0
    assert folder.record("other") is None
    assert not [path for path in tmp_path.rglob("*.tmp")]


def test_features_are_complete_only_if_everything_matches(tmp_path, origin):
    folder = FeatureFolder(tmp_path)
    assert folder.reason_to_redo("v", origin) == "no features yet"
    folder.save("v", some_features(), origin, {"source": SOURCE})
    assert folder.complete("v", origin, SOURCE)
    assert folder.complete("v", origin)

    other = FeatureOrigin("swin3d_b", "random", None, "mini16x112")
    assert "swin3d_mini / swin3d_b" in folder.reason_to_redo("v", other)
    assert folder.reason_to_redo("v", origin, SOURCE | {"size": 6}) == "the source file has changed"

    whole = folder.path("v").read_bytes()
    folder.path("v").write_bytes(whole[:-4])
    assert "cannot be read" in folder.reason_to_redo("v", origin)
    np.save(folder.path("v"), some_features(7))
    assert "recorded [3, 4]" in folder.reason_to_redo("v", origin)
    (tmp_path / "provenance/v.json").unlink()
    assert folder.reason_to_redo("v", origin) == "features of unknown origin"


def test_a_crash_while_saving_leaves_no_feature_file(tmp_path, origin, monkeypatch):
    folder = FeatureFolder(tmp_path)
    folder.save("v", some_features(), origin, {})

    def broken(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        folder.save("v", some_features(5), origin, {})
    assert folder.reason_to_redo("v", origin) == "no features yet"
    assert not [path for path in tmp_path.rglob("*.tmp")]


def test_weights_are_compared_by_digest_where_both_know_it():
    def origin(weights, digest):
        return FeatureOrigin("swin3d_b", weights, digest, "contiguous32")

    assert origin("a", "1" * 64).differences(origin("b", "1" * 64)) == []
    assert origin("a", "1" * 64).differences(origin("a", None)) == []
    assert origin("a", None).differences(origin("b", "1" * 64)) == ["weights a / b"]
    assert origin("a", "1" * 64).differences(origin("a", "2" * 64))
    assert FeatureOrigin.from_dict(origin("a", None).to_dict()) == origin("a", None)


def test_float16_is_read_as_float32(tmp_path):
    np.save(tmp_path / "v.npy", some_features().astype(np.float16))
    features = read_features(tmp_path / "v.npy", channels=4)
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
