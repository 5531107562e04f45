import csv
import pickle

import numpy as np
import pytest

from aqa import AqaError
from aqa.config import load_config, parse_config
from aqa.data.dataset import load_dataset
from aqa.data.features import FeatureFolder


def write_features(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        np.save(folder / f"{name}.npy", np.zeros((3, 4), np.float32))


def write_fisv(folder, with_test=True):
    write_features(folder, "1", "3", "5", "7")
    (folder / "train.txt").write_text("1 28.71 29.36 1\n3 28.79 27.89 1\n5 32.2 28.9 0\n")
    if with_test:
        (folder / "test.txt").write_text("7 20 21.5 0\n")


RG_HEADER = "Video_Name\tDifficulty_Score    Execution_Score Total_Score\tPenalty\tVideo_length\n"


def write_rg(folder):
    write_features(folder, "Ball_001", "Ball_022", "Hoop_001")
    lines = "Ball_001\t10.50\t8.30\t18.80\t0.00\t92\nHoop_001\t1.50\t2.30\t3.80\t0.00\t92\n"
    (folder / "train.txt").write_text(RG_HEADER + lines)
    (folder / "test.txt").write_text(RG_HEADER + "Ball_022\t9.10\t7.60\t16.70\t0.00\t91\n")


def write_logo(root, train=(("g1", 0), ("g1", 1)), test=(("g2", 0),)):
    write_features(root / "LOGO/logo_feats", "g1_0", "g1_1", "g2_0")
    labels = root / "LOGO/LOGO Anno&Split"
    labels.mkdir(parents=True)
    scores = {("g1", 0): 90.5, ("g1", 1): 70.25, ("g2", 0): np.float64(55.0)}
    annotations = {key: ["Free", score, None, [10], [1]] for key, score in scores.items()}
    for name, content in [
        ("anno_dict", annotations),
        ("formation_dict", {}),
        ("train_split3", list(train)),
        ("test_split3", list(test)),
    ]:
        (labels / f"{name}.pkl").write_bytes(pickle.dumps(content))
    return labels


@pytest.mark.parametrize(
    "folder",
    ["GDLT_data/swintx_avg_fps25_clip32", "fis-v", "fis-v/swintx_avg_fps25_clip32", "fisv", "."],
)
def test_fisv_in_each_known_place(tmp_path, folder):
    write_fisv(tmp_path / folder)
    pcs = load_dataset(load_config("fisv-pcs"), tmp_path)
    tes = load_dataset(load_config("fisv-tes"), tmp_path)
    assert [(e.id, e.score) for e in pcs.train] == [("1", 29.36), ("3", 27.89), ("5", 28.9)]
    assert [(e.id, e.score) for e in tes.test] == [("7", 20.0)]
    assert pcs.score_range == (0, 43) and pcs.score_name == "pcs"
    assert pcs.origin.weights == "kinetics600-22k"
    assert "no provenance: config fisv-pcs declares swin3d_b" in pcs.notes[0]


def test_rg_and_fisv_share_a_published_folder_name(tmp_path):
    """Both are published as swintx_avg_fps25_clip32: the files decide which is which."""
    write_fisv(tmp_path / "fis-v/swintx_avg_fps25_clip32")
    write_rg(tmp_path / "RG/swintx_avg_fps25_clip32")
    ball = load_dataset(load_config("rg-ball"), tmp_path)
    assert [(e.id, e.score) for e in ball.train + ball.test] == [
        ("Ball_001", 18.8),
        ("Ball_022", 16.7),
    ]
    assert ball.name == "rg-ball" and ball.score_range == (0, 25)
    assert len(load_dataset(load_config("fisv-pcs"), tmp_path).train) == 3


@pytest.mark.parametrize("score, value", [("difficulty", 10.5), ("execution", 8.3)])
def test_the_other_scores_of_rg(tmp_path, score, value):
    write_rg(tmp_path / "RG")
    dataset = load_dataset(load_config("rg-ball", [f"dataset.score={score}"]), tmp_path)
    assert dataset.train[0].score == value


def test_the_real_labels_of_rg_are_read_whole(shared, tmp_path):
    from aqa.data.datasets.rg import RG

    for apparatus in ("Ball", "Clubs", "Hoop", "Ribbon"):
        labels = RG.read(shared / "data/rg", "total", apparatus)
        assert (len(labels.train), len(labels.test)) == (200, 50)
        assert all(0 <= label.score <= 25 for label in labels.train + labels.test)


def test_labels_beside_the_features_and_no_test_split(tmp_path):
    write_fisv(tmp_path, with_test=False)
    write_features(tmp_path / "swintx_avg_fps25_clip32", "1", "3", "5", "7")
    for path in tmp_path.glob("*.npy"):
        path.unlink()
    dataset = load_dataset(load_config("fisv-pcs"), tmp_path)
    assert len(dataset.train) == 3 and dataset.test == ()
    assert any("names no test videos" in note for note in dataset.notes)
    assert any("1 feature files" in note for note in dataset.notes)
    with pytest.raises(AqaError, match="has no test videos"):
        dataset.split("test")


def test_own_extraction_with_published_labels(tmp_path, origin):
    write_fisv(tmp_path / "data/fis-v")
    for path in (tmp_path / "data/fis-v").glob("*.npy"):
        path.unlink()
    folder = FeatureFolder(tmp_path / "mine")
    folder.write_origin(origin, {})
    for name in ("1", "3", "5", "7"):
        folder.save(name, np.zeros((2, 4), np.float32), origin, {})
    dataset = load_dataset(load_config("fisv-pcs"), tmp_path / "data", features=tmp_path / "mine")
    assert dataset.origin == origin
    assert dataset.train[0].features_path == tmp_path / "mine/1.npy"


def test_logo(tmp_path):
    write_logo(tmp_path)
    dataset = load_dataset(load_config("logo"), tmp_path)
    assert [(e.id, e.score) for e in dataset.train] == [("g1_0", 90.5), ("g1_1", 70.25)]
    assert [(e.id, e.score) for e in dataset.test] == [("g2_0", 55.0)]
    assert dataset.origin.protocol == "uniform48x16"


def test_every_problem_is_named_before_any_work(tmp_path):
    labels = write_logo(
        tmp_path,
        train=[("g1", 0), ("g1", 1), ("g1", 1), ("g9", 4)],
        test=[("g2", 0), ("g1", 0)],
    )
    (tmp_path / "LOGO/logo_feats/g2_0.npy").unlink()
    config = load_config("logo", ["dataset.score_range=[0, 80]"])
    with pytest.raises(AqaError) as caught:
        load_dataset(config, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{labels}: ") and "\n" not in message
    assert "2 videos without a feature file in" in message and ": g9_4, g2_0;" in message
    assert "1 video without a score: g9_4" in message
    assert "2 videos given twice: g1_0, g1_1" in message
    assert "g1_0 (90.5)" in message and "outside 0 to 80" in message


def own(tmp_path, text, *features, **dataset):
    write_features(tmp_path / "features", *features)
    (tmp_path / "scores.csv").write_text(text)
    return load_dataset(
        parse_config({"dataset": {"kind": "csv", **dataset}}),
        features=tmp_path / "features",
        labels=tmp_path / "scores.csv",
    )


def test_own_data(tmp_path):
    text = "id, score, split\nday 1/a.mp4,7.5,train\n/videos/b.mov,3,train\nc,9,test\n"
    write_features(tmp_path / "features/day 1", "a")
    dataset = own(tmp_path, text, "b", "c")
    assert [(e.id, e.score) for e in dataset.train] == [("day 1/a", 7.5), ("b", 3.0)]
    assert [e.id for e in dataset.test] == ["c"]
    assert dataset.score_range == (3.0, 7.5)  # of the training scores alone
    assert dataset.origin is None and "no provenance" in dataset.notes[0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("name,score\na,1\n", "no column id: expected id,score.,split., got name,score"),
        ("", "no column id and score"),
        ("id,score\na,1\nb,x\n,2\n", "line 3: 'x' is no score, line 4: no id"),
        ("id,score\na,nan\n", "line 2: 'nan' is no score"),
        ("id,score,split\na,1,val\n", "line 2: split 'val'"),
        ("id,score\n", "no labelled videos"),
        ("id,score\na,1\nb,\n", "1 video without a score: b"),
        ("id,score\na,1\na,2\n", "1 video given twice: a"),
        ("id,score\na,1\na.mp4,2\n", r"1 video that two would match: .*: a.mp4 \(a\)"),
        ("id,score\na.v2,1\nb,2\n", "1 video without a feature file in .*: a.v2"),
        ("id,score\n../z,1\n", "without a feature file"),
    ],
)
def test_what_is_wrong_with_own_labels(tmp_path, text, message):
    with pytest.raises(AqaError, match=message):
        own(tmp_path, text, "a", "b")


def test_missing_places_say_where_things_are_expected(tmp_path):
    with pytest.raises(AqaError, match=r"no fisv features such as 100.npy below .*fis-v"):
        load_dataset(load_config("fisv-pcs"), tmp_path)
    with pytest.raises(AqaError, match=r"no LOGO features: expected .*logo_feats"):
        load_dataset(load_config("logo"), tmp_path)
    with pytest.raises(AqaError, match="nowhere: no such file or folder"):
        load_dataset(load_config("fisv-pcs"), tmp_path, features=tmp_path / "nowhere")
    write_features(tmp_path / "fis-v", "1")
    with pytest.raises(AqaError, match=r"no fisv labels \(train.txt\)"):
        load_dataset(load_config("fisv-pcs"), tmp_path)


def test_a_broken_label_line_is_named(tmp_path):
    write_fisv(tmp_path)
    (tmp_path / "train.txt").write_text("1 28.71 29.36 1\n3 28.79\n")
    with pytest.raises(AqaError, match=r"train.txt line 2: 2 columns, the score is number 3"):
        load_dataset(load_config("fisv-pcs"), tmp_path)
    (tmp_path / "train.txt").write_text("1 28.7 b 1\n")
    with pytest.raises(AqaError, match=r"train.txt line 1: 'b' is no score"):
        load_dataset(load_config("fisv-pcs"), tmp_path)


def test_scores_that_are_learned_together(tmp_path):
    write_fisv(tmp_path)
    pcs, tes = (load_dataset(load_config(name), tmp_path) for name in ("fisv-pcs", "fisv-tes"))
    assert pcs.all_scores == tes.all_scores == ("tes", "pcs")
    for one, other in zip(pcs.train, tes.train, strict=True):
        assert one.all_scores == other.all_scores == (other.score, one.score)
    alone = load_dataset(load_config("fisv-pcs", ["dataset.all_scores=[]"]), tmp_path)
    assert alone.all_scores == ("pcs",) and alone.train[0].all_scores == (alone.train[0].score,)
    (tmp_path / "train.txt").write_text("1 99 29.36 1\n")  # the other score is checked, too
    with pytest.raises(AqaError, match=r"outside 0 to 43: 1 \(99\)"):
        load_dataset(load_config("fisv-pcs"), tmp_path)


def test_the_real_fisv_labels(shared):
    for name in ("fisv-pcs", "fisv-tes"):
        dataset = load_dataset(load_config(name), shared / "data/fisv")
        assert len(dataset.train) == 400 and not dataset.test
    with (shared / "data/fisv/folds.csv").open() as file:
        assert {row["id"] for row in csv.DictReader(file)} == {e.id for e in dataset.train}


def test_a_spreadsheet_with_decimal_commas(tmp_path) -> None:
    from aqa.data import read_table

    (tmp_path / "scores.csv").write_text("id;score;split\na;12,5;train\nb;13;test\n")
    labels = read_table(tmp_path / "scores.csv")
    assert [label.score for label in labels.train + labels.test] == [12.5, 13.0]
