"""Models that travel: a folder, the hub's name, and what is said where neither is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from aqa import load_checkpoint
from aqa.checkpoints import export_folder, is_hub_name
from aqa.errors import AqaError
from aqa.models import PublishedModelConfig, build_model

FEATURES = np.random.default_rng(0).normal(size=(130, 1024)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export_folder(load_checkpoint("fisv-tes"), tmp_path / "tes", "fisv-tes")
    return tmp_path / "tes"


def test_a_folder_is_the_same_model_to_the_bit(folder: Path) -> None:
    ours, back = load_checkpoint("fisv-tes"), load_checkpoint(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert back.info.score_name == "tes" and back.info.all_scores == ours.info.all_scores
    assert back.info.calibration == ours.info.calibration
    assert all(torch.equal(a, b) for a, b in zip(
        ours.state_dict().values(), back.state_dict().values(), strict=True))  # fmt: skip
    first, second = ours.assess(FEATURES), back.assess(FEATURES)
    assert first.score == second.score
    np.testing.assert_array_equal(first.contributions, second.contributions)
    assert back.for_score("pcs").assess(FEATURES).score == load_checkpoint("fisv-pcs").assess(
        FEATURES).score  # fmt: skip


def test_the_card_says_what_the_checkpoint_knows(folder: Path, tmp_path: Path) -> None:
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: aqa-pipeline\n")
    assert "# fisv-tes" in card and "kinetics600-22k" in card and "400 videos" in card
    assert (
        "**Held out**, tes: " in card and "spearman 0.66" in card and "90 % within +- 7.39" in card
    )
    bare = build_model(PublishedModelConfig(width=16, heads=2, query_count=4), 32, None)
    export_folder(bare, tmp_path / "bare", "bare")
    assert "not known" in (tmp_path / "bare/README.md").read_text()
    assert load_checkpoint(tmp_path / "bare").channels == 32


def test_what_is_damaged_is_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AqaError, match="tes is not empty: choose another folder"):
        export_folder(load_checkpoint("fisv-tes"), folder, "again")
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    with pytest.raises(AqaError, match="tes is damaged: "):
        load_checkpoint(folder)
    weights.write_bytes(content)
    config = json.loads((folder / "config.json").read_text())
    for change, said in (
        ({"format": "bert"}, "describes no model of aqa-pipeline"),
        ({"format_version": 99}, "has format 99, this version reads 1"),
        ({"channels": 7}, "is damaged"),
    ):
        (folder / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(AqaError, match=said):
            load_checkpoint(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(AqaError, match="is damaged"):
        load_checkpoint(folder)
    weights.unlink()
    with pytest.raises(AqaError, match="is no model: it has no model"):
        load_checkpoint(folder)


def test_a_pickle_in_a_folder_is_never_looked_at(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(AqaError, match="it has no model"):
        load_checkpoint(folder)


def test_names_of_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The download alone is replaced."""
    import huggingface_hub

    asked: list[tuple] = []

    def download(repo: str, **options: object) -> str:
        asked.append((repo, options["revision"], options["allow_patterns"]))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert load_checkpoint("a-lab/skating@v1.2").assess(FEATURES).score > 0
    assert load_checkpoint("a-lab/skating").info.score_name == "tes"
    wanted = ["config.json", "model.safetensors", "README.md"]
    assert asked == [("a-lab/skating", "v1.2", wanted), ("a-lab/skating", None, wanted)]


def test_without_a_network_it_says_what_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AqaError, match=r"a-lab/none is no file here, .* put its config.json and"):
        load_checkpoint("a-lab/none")


def test_files_are_no_names_of_the_hub(tmp_path: Path) -> None:
    assert is_hub_name("org/name") and is_hub_name("org/name@main")
    for other in ("runs/model.pt", "a/b/c", "name", "/org/name", "x/y.safetensors", "a b/c"):
        assert not is_hub_name(other), other
    with pytest.raises(AqaError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "gone.pt")


def test_the_command(cli: Callable, tmp_path: Path) -> None:
    done = cli("models", "export", "fisv-pcs", "out")
    assert done.exit_code == 0 and "out: config.json" in done.output
    np.save("routine.npy", FEATURES)
    both = [
        json.loads(cli("score", "routine.npy", "--checkpoint", name, "--json").stdout)["results"][0]
        for name in ("out", "fisv-pcs")
    ]
    assert both[0].pop("checkpoint") == "out" and both[1].pop("checkpoint") == "fisv-pcs"
    assert both[0] == both[1]
    again = cli("models", "export", "fisv-pcs", "out")
    assert again.exit_code == 2 and "not empty" in again.stderr
