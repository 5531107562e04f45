"""A data set or a model of somebody else's: one file and one line, no change in this project."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aqa import AqaError, evaluate, load_checkpoint, load_dataset, save_checkpoint, train
from aqa.config import load_config, parse_config
from aqa.data import DATASETS, FeatureFolder, Videos
from aqa.models import MODELS, LossWeights, ModelInfo, ModelKind, ScoringModel, register
from aqa.registers import Register
from aqa.sections import Count, Section


@pytest.fixture
def registers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test adds to the registers is gone after it."""
    for one in (DATASETS, MODELS):
        monkeypatch.setattr(one, "_known", dict(one._known))
        monkeypatch.setattr(one, "_looked_outside", True)
    yield


class LinearConfig(Section):
    """Weighted mean of one linear score per clip."""

    kind: Literal["linear"] = "linear"
    stretch: Count = 1


class LinearModel(ScoringModel):
    def __init__(self, config: LinearConfig, channels: int, info: ModelInfo | None = None) -> None:
        super().__init__(config, channels, info)
        self.score, self.weight = nn.Linear(channels, 1), nn.Linear(channels, 1)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        return self.weight(clips)[..., 0].softmax(-1), self.score(clips)[..., 0]

    def weigh(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        return self(clips)

    def prepare(self, videos: Videos) -> Videos:
        with torch.no_grad():
            self.score.bias.fill_(videos.targets.mean())
        return videos

    def training_losses(
        self, inputs: Tensor, lengths: Tensor, targets: Tensor, loss_weights: LossWeights
    ) -> dict[str, Tensor]:
        scores = [
            (weights * clips).sum()
            for video, length in zip(inputs, lengths, strict=True)
            for weights, clips in [self(video[:length])]
        ]
        return {
            "score": loss_weights.score_loss * (torch.stack(scores) - targets[:, 0]).square().mean()
        }


def test_a_model_in_a_file_of_its_own(registers, own_data, tmp_path: Path) -> None:
    register(ModelKind(LinearConfig, LinearModel))
    content = {
        "dataset": {"kind": "csv", "score_range": [0, 10]},
        "model": {"kind": "linear"},
        "training": {"epochs": 60, "batch_size": 8, "learning_rate": 0.05, "input_noise": 0.0},
    }
    config = parse_config(content)
    assert config.training.recipe == "honest" and config.model == LinearConfig()
    features, labels = own_data()
    dataset = load_dataset(config, features=features, labels=labels)
    model = train(config, dataset)
    assert evaluate(model, dataset.test).spearman > 0.8
    loaded = load_checkpoint(save_checkpoint(model, tmp_path / "a.pt"))
    assert isinstance(loaded, LinearModel) and loaded.info == model.info
    some = np.ones((5, loaded.channels), np.float32)
    assert loaded.assess(some).score == model.assess(some).score
    with pytest.raises(AqaError, match=r"model.stretsh: unknown key, did you mean stretch"):
        parse_config(content | {"model": {"kind": "linear", "stretsh": 2}})
    with pytest.raises(AqaError, match=r"paper does not train model.kind linear: .* are honest"):
        parse_config(content | {"training": {"recipe": "paper"}})


def test_a_model_that_leaves_out_what_training_calls_cannot_be_made(registers) -> None:
    class Half(ScoringModel):
        def weigh(self, clips: Tensor) -> tuple[Tensor, Tensor]:
            return clips[:, 0], clips[:, 0]

    with pytest.raises(TypeError, match=r"abstract methods .*prepare.*training_losses"):
        Half(LinearConfig(), 4, None)


def test_a_name_is_taken_once() -> None:
    one, other = ModelKind(LinearConfig, LinearModel), ModelKind(LinearConfig, print)
    models = Register("model.kind", [one])
    models.add(one)
    with pytest.raises(AqaError, match=r"model.kind 'linear' is registered already"):
        models.add(other)


PLUGIN = """
from pathlib import Path
from aqa.data import DatasetKind, Label, Labels, RawLayout, Wanted, register

def find(wanted):
    return wanted.features or wanted.data_root / "features", wanted.data_root / "points.txt"

def read(labels, score, apparatus):
    lines = [line.split() for line in labels.read_text().splitlines()]
    learn, look = ([Label(a, float(b)) for a, b, c in lines if c == d] for d in ("learn", "look"))
    return Labels(learn, look, labels)

register(DatasetKind("diving", find, read, scores=("points",), score_range=(0.0, 100.0),
                     protocol="mini16x112", raw=RawLayout(("clips",))))
"""


def test_an_installed_package_adds_its_data_set(
    registers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin
) -> None:
    """Found by its entry point: nobody imports it."""
    facts = tmp_path / "site" / "diving_data-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: diving-data\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[aqa_pipeline]\ndiving = diving_data\n")
    (tmp_path / "site" / "diving_data.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(DATASETS, "_looked_outside", False)
    monkeypatch.delitem(sys.modules, "diving_data", raising=False)

    folder = FeatureFolder(tmp_path / "features")
    folder.write_origin(origin, {})
    for name in ("one", "two", "three"):
        folder.save(name, np.ones((3, 4), np.float32), origin, {})
    (tmp_path / "points.txt").write_text("one 50 learn\ntwo 60 learn\nthree 70.5 look\n")
    config = load_config("diving")
    assert config.dataset.score_name == "points"
    dataset = load_dataset(config, tmp_path)
    assert [(e.id, e.score) for e in dataset.test] == [("three", 70.5)]
    assert dataset.score_range == (0.0, 100.0)
    with pytest.raises(AqaError, match="there are logo, fisv, rg, csv, diving"):
        parse_config({"dataset": {"kind": "dving"}})


def test_a_package_that_cannot_be_loaded_is_named(
    registers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path / "broken_data-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-data\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[aqa_pipeline]\nbroken = broken_data_of_nobody\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(DATASETS, "_looked_outside", False)
    words = r"broken_data_of_nobody, which .* cannot be loaded \(ModuleNotFoundError: .*remove that"
    with pytest.raises(AqaError, match=words):
        DATASETS.get("dving")
    assert DATASETS.get("fisv").name == "fisv"
