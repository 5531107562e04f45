"""aqa.yaml: what it may hold, and what each mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.workspace.settings import data_root, load_settings


def test_no_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.runs == Path("runs") and settings.backbone is None


def test_all_keys(tmp_path: Path) -> None:
    (tmp_path / "aqa.yaml").write_text(
        "data_root: /data\nbackbone: {embed_dim: 24, depths: [2, 2], num_heads: [2, 4]}\n"
        "weights: random\nprotocol: mini16x112\ndevice: cpu\nworkers: 2\nfeatures: f\nruns: r\n"
        "raw: {rg: footage}\n"
    )
    settings = load_settings(tmp_path)
    assert settings.backbone == {"embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4]}
    assert settings.raw == {"rg": Path("footage")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("datroot: x", "unknown key 'datroot'; known keys: data_root"),
        ("workers: many", "key 'workers'"),
        ("features: s3://bucket/f", "key 'features'"),
        ("device: gpu", "key 'device'"),
        ("- a\n- b", "expected keys and values, got list"),
        ("a: [", "not valid YAML"),
    ],
)
def test_each_mistake_names_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "aqa.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings(tmp_path)
    assert words in str(caught.value) and "aqa.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_data_root_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(tmp_path)
    monkeypatch.delenv("DATASET_ROOT", raising=False)
    with pytest.raises(UsageError, match="--data-root DIR, set DATASET_ROOT"):
        data_root(None, settings)
    monkeypatch.setenv("DATASET_ROOT", str(tmp_path))
    assert data_root(None, settings) == tmp_path
    other = tmp_path / "other"
    with pytest.raises(UsageError, match="is not a folder"):
        data_root(other, settings)
    other.mkdir()
    assert data_root(other, settings) == other
