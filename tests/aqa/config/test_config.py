from pathlib import Path

import pytest
import yaml

from aqa import AqaError
from aqa.config import (
    ExperimentConfig,
    config_folder,
    config_names,
    load_config,
    parse_config,
)

SHIPPED = [
    "demo", "fisv-pcs", "fisv-tes", "logo", "own", "rg-ball", "rg-clubs", "rg-hoop", "rg-ribbon",
]  # fmt: skip


def test_every_shipped_config_loads():
    names = config_names()
    assert names == SHIPPED
    assert len(list(config_folder().iterdir())) == len(SHIPPED)
    for name in names:
        config = load_config(name)
        assert config.name == name
        assert parse_config(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in ("demo", "own")])
def test_every_published_experiment_trains_by_each_recipe(name):
    usual, paper = load_config(name), load_config(name, ["training.recipe=paper"])
    assert usual.training.recipe == "fit" and usual.model.kind == "clips"
    assert usual.features.backbone == "swin3d_b"
    honest = load_config(name, ["training.recipe=honest"])
    assert honest.model.kind == "published" and honest.model.width is None
    assert paper.model.kind == "published" and paper.model.width is None
    assert paper.model.dropout == paper.model.attention_dropout == 0.7


def test_the_paper_recipe_is_the_published_one_of_each_data_set():
    def published(name):
        config = load_config(name, ["training.recipe=paper"])
        model = config.model
        return model.query_count, model.clip_count, model.query_std, config.training.batch_size

    assert published("fisv-tes") == (136, 136, 5.0, 32)
    assert published("rg-ball") == (68, 68, 2.0, 48)
    assert published("logo") == (48, None, 0.5, 48)
    own = load_config("logo", ["training.recipe=paper", "model.query_std=1", "model.width=256"])
    assert (own.model.query_std, own.model.width, own.model.query_count) == (1.0, 256, 48)


def test_overrides_are_yaml_values():
    overrides = ["model.members=7", "model.strength=1e-3", "dataset.score=tes"]
    config = load_config("fisv-pcs", overrides)
    assert (config.model.members, config.model.strength) == (7, 1e-3)
    assert config.dataset.score_name == "tes"


def test_a_file_is_read_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("dataset: {kind: csv, score_range: [0, 10]}\n")
    assert load_config(path).name == "mine"
    assert load_config(str(path)).dataset.score_range == (0.0, 10.0)


FISV = {"dataset": {"kind": "fisv"}}
HONEST = {"recipe": "honest"}


@pytest.mark.parametrize(
    "content, message",
    [
        (FISV | {"trainning": {}}, "trainning: unknown key, did you mean training"),
        (
            FISV | {"training": HONEST | {"epoch": 3}},
            "training.epoch: unknown key, did you mean epochs",
        ),
        (FISV | {"model": {"zoom": 3}}, "model.zoom: unknown key, known are appearance_channels"),
        (
            FISV | {"training": HONEST | {"epochs": "many"}},
            "training.epochs: .*integer, got 'many'",
        ),
        (FISV | {"training": HONEST | {"epochs": 2.5}}, "training.epochs: "),
        (FISV | {"training": HONEST | {"epochs": True}}, "training.epochs: "),
        (
            FISV | {"training": HONEST | {"epochs": 0}},
            "training.epochs: .*greater than or equal to 1",
        ),
        (FISV | {"training": {"recipe": "best"}}, "training: .*'honest', 'paper'"),
        (FISV | {"model": {"kind": "published", "dropout": 1.0}}, "model.dropout: .*less than 1"),
        (
            FISV | {"model": {"kind": "published", "width": 10}},
            "width 10 is no multiple of its 4 heads",
        ),
        (FISV | {"dataset": {"kind": "fisv", "all_scores": ["tes"]}}, "lacks the score pcs"),
        (
            FISV | {"model": {"kind": "ridge"}, "training": {"recipe": "honest"}},
            "honest does not train model.kind ridge",
        ),
        ({}, "dataset: missing"),
        (
            {"dataset": {"kind": "fisw"}},
            "dataset.kind: unknown data set 'fisw': there are logo, fisv",
        ),
        (FISV | {"model": {"kind": "clip"}}, "model: unknown model.kind 'clip': there are clips"),
        ({"dataset": {"kind": "fisv", "score": "xyz"}}, "'xyz': fisv has pcs, tes"),
        ({"dataset": {"kind": "rg"}}, "apparatus missing: rg has Ball, Clubs"),
        ({"dataset": {"kind": "csv", "score_range": [3, 3]}}, "expected .lowest, highest."),
        ({"dataset": {"kind": "csv", "parts": {"end": [0.5, 1.5]}}}, "parts: end is .0.5, 1.5."),
    ],
)
def test_what_is_wrong_is_named_with_its_file_in_one_line(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(AqaError, match=message) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_all_problems_are_named_at_once():
    content = FISV | {"training": HONEST | {"epoch": 1, "batch_size": "x"}, "modl": {}}
    with pytest.raises(AqaError) as caught:
        parse_config(content)
    for key in ("training.epoch", "training.batch_size", "modl"):
        assert key in str(caught.value)


def test_unknown_names_and_bad_files(tmp_path: Path):
    with pytest.raises(AqaError, match=r"fisv is neither .* fisv-pcs, fisv-tes"):
        load_config("fisv")
    with pytest.raises(AqaError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(AqaError, match="is no YAML"):
        load_config(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("- 1")
    with pytest.raises(AqaError, match="expected sections"):
        load_config(tmp_path / "b.yaml")
    with pytest.raises(AqaError, match="expected key=value"):
        load_config("logo", ["training.epochs"])


def test_a_config_cannot_be_changed():
    config = load_config("logo")
    with pytest.raises(ValueError, match="frozen"):
        config.training.epochs = 3
    assert isinstance(config, ExperimentConfig)


def test_the_name_that_scores_learned_together_had_is_still_read() -> None:
    content = {"dataset": {"kind": "fisv", "jointly": ["tes", "pcs"]}}
    assert parse_config(content).dataset.all_scores == ("tes", "pcs")


def test_sizes_fit_the_data_set_unless_given() -> None:
    assert load_config("logo").model.motion_lags == (1, 2)
    assert load_config("logo", ["model.motion_lags=[5]"]).model.motion_lags == (5,)
    assert load_config("fisv-tes").model.motion_lags == (1, 2, 3)
