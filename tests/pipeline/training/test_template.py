"""train --init-config: a file that names every key and loads to the config it was made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result as CliResult

from aqa import load_config
from aqa.config import RECIPES, ExperimentConfig, HonestTraining, config_names
from aqa.data import DatasetConfig, FeaturesConfig
from aqa.models import MODELS, ModelKind
from aqa.sections import Section
from pipeline.training.template import template

OTHERS = (["training.recipe=paper"], ["model.kind=ridge"])


def test_every_key_says_what_it_is() -> None:
    sections = [ExperimentConfig, DatasetConfig, FeaturesConfig, *RECIPES.values()]
    sections += [kind.section for kind in MODELS]
    silent = [
        f"{section.__name__}.{key}"
        for section in sections
        for key, info in section.model_fields.items()
        if not info.description and not (key == "kind" and section in map(kind_of, MODELS))
    ]
    assert len(sections) > 9 and silent == []


def kind_of(model: ModelKind) -> type[Section]:
    """Of its key ``kind`` the file says which other ones there are."""
    return model.section


@pytest.mark.parametrize("name", config_names())
def test_it_loads_to_the_same_config(name: str, tmp_path: Path) -> None:
    # own and demo name keys of the recipe that they are for.
    for overrides in ([], *(OTHERS if name not in ("own", "demo") else ())):
        config = load_config(name, overrides)
        (tmp_path / "a.yaml").write_text(template(config))
        assert load_config(tmp_path / "a.yaml") == config


def test_a_line_says_what_is_allowed_and_what_the_default_is() -> None:
    lines = template(
        load_config("rg-ball", ["training.recipe=honest", "training.epochs=7"])
    ).splitlines()
    (kind,) = (line for line in lines if line.startswith("  kind: rg"))
    assert kind.endswith("; one of logo, fisv, rg, csv")
    (epochs,) = (line for line in lines if line.startswith("  epochs: 7"))
    assert f"; default {HonestTraining().epochs}" in epochs


def test_an_undeclared_origin_shows_how_to_declare_it(tmp_path: Path) -> None:
    text = template(load_config("own"))
    # As a user would: the line that says null goes, its comment's lines become lines.
    kept = [line for line in text.splitlines() if not line.startswith("features: null")]
    (begin,) = (at for at, line in enumerate(kept) if line == "# features:")
    end = kept.index("", begin)
    kept[begin:end] = [line.removeprefix("# ") for line in kept[begin:end]]
    (tmp_path / "a.yaml").write_text("\n".join(kept))
    assert load_config(tmp_path / "a.yaml").features == load_config("logo").features


def test_init_config_writes_once_and_is_a_config(
    cli: Callable[..., CliResult], tmp_path: Path
) -> None:
    done = cli("train", "--init-config", "mine.yaml", "--set", "model.members=7")
    assert done.exit_code == 0 and "train with --config mine.yaml" in done.stdout
    written = load_config(tmp_path / "mine.yaml")
    assert written == load_config("own", ["model.members=7", "name=mine"])
    again = cli("train", "--init-config", "mine.yaml", "--config", "logo")
    assert again.exit_code == 2 and load_config(tmp_path / "mine.yaml") == written
    (line,) = again.stderr.strip().splitlines()
    assert line.startswith("error: mine.yaml is there already")
    nowhere = cli("train", "--init-config", "gone/mine.yaml")
    assert nowhere.exit_code == 2 and "gone/mine.yaml" in nowhere.stderr

    assert cli("train", "--init-config", "rg.yaml", "--config", "rg-hoop").exit_code == 0
    assert load_config(tmp_path / "rg.yaml") == load_config("rg-hoop", ["name=rg"])
