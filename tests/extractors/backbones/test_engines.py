"""Every engine gives torchvision's numbers; how OpenVINO's form of a backbone is made and kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from quick import NARROW

from extractors import ExtractorError, build_backbone
from extractors.backbones import (
    EngineError,
    Wanted,
    choose_engine,
    computes_bf16,
    conversion,
    engine_version,
    open_engine,
)
from extractors.backbones.architectures import canonical_name
from extractors.backbones.fused import FusedSwin
from extractors.backbones.networks import Backbone

openvino = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("openvino"), reason="OpenVINO has no wheel here"
)
bf16_units = pytest.mark.skipif(not computes_bf16(), reason="a processor without bfloat16 units")
TINY = "swin3d(depths=1-1,embed_dim=12,num_heads=1-2,patch_size=4-8-8,window_size=4-7-7)"
SHAPE = (16, 112, 112)


def wanted(
    architecture: object = TINY, shape: tuple[int, int, int] = SHAPE, precision: str = "float32"
) -> Wanted:
    identity = build_backbone(architecture).identity
    name = canonical_name(architecture)
    return Wanted(name, "random", identity.weights_digest, shape, precision)


def clips(shape: tuple[int, int, int], count: int = 1) -> torch.Tensor:
    drawn = torch.rand((count, 3, *shape), generator=torch.Generator().manual_seed(1))
    return drawn.sub_(0.5).mul_(4)


def lively(backbone: Backbone) -> Backbone:
    """With biases and tables that a random start leaves at nothing."""
    generator = torch.Generator().manual_seed(2)
    for parameter in backbone.trunk.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return backbone


def agree(got: torch.Tensor, want: torch.Tensor, cosine: float, absolute: float) -> None:
    assert got.dtype == torch.float32 and got.shape == want.shape
    assert (got - want).abs().max() <= absolute
    assert torch.cosine_similarity(got.double(), want.double()).min() >= cosine


SHAPES = [(16, 112, 112), (17, 57, 90), (40, 36, 60), (4, 60, 44)]


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fused_attention_is_torchvision_s(
    name: str, shape: tuple[int, int, int], device: str
) -> None:
    """Also where a window is larger than the picture, and where the picture does not fill it."""
    trunk = lively(build_backbone(NARROW[name])).trunk.to(device)
    seen = clips(shape, 2).to(device)
    with torch.inference_mode():
        agree(FusedSwin(trunk)(seen), trunk(seen), 0.999999, 1e-4)


@openvino
@pytest.mark.parametrize("name", ["swin3d_t", "timm:test_vit"])
@pytest.mark.parametrize("precision", ["float32", pytest.param("bf16", marks=bf16_units)])
def test_openvino_is_torchvision_s(name: str, precision: str) -> None:
    architecture, shape = NARROW.get(name, name), (8, 60, 75)
    if name.startswith("timm:"):
        shape = (2, 160, 160)
    asked = wanted(architecture, shape, precision)
    engine = open_engine("openvino", "cpu", asked, print)
    seen = clips(shape, 2)
    with torch.inference_mode():
        want = build_backbone(architecture)(seen)
    cosine, absolute = (0.999999, 1e-4) if precision == "float32" else (0.9999, 0.05)
    agree(engine(seen), want, cosine, absolute)
    assert engine.channels == want.shape[1]


@pytest.mark.parametrize("engine", [pytest.param("openvino", marks=openvino), "torch"])
def test_the_published_features_come_out_of_every_engine(shared: Path, engine: str) -> None:
    golden = shared / "golden" / "vst"
    architecture = json.loads((golden / "config.json").read_text())
    weights = str(golden / "official_format.pth")
    seen = torch.from_numpy(np.load(golden / "odd_input.npy")).float()
    identity = build_backbone(architecture, weights).identity
    asked = Wanted(
        canonical_name(architecture),
        weights,
        identity.weights_digest,
        tuple(seen.shape[2:]),
        "float32",
    )
    got = open_engine(engine, "cpu", asked, print)(seen)
    assert np.abs(got.numpy() - np.load(golden / "odd_feature.npy")).max() < 1e-4


@pytest.mark.parametrize("engine", [pytest.param("openvino", marks=openvino), "torch"])
def test_bits_depend_on_no_batch_and_no_worker(engine: str) -> None:
    asked, seen = wanted(), clips(SHAPE, 5)
    alone, shared = (open_engine(engine, "cpu", asked, print, workers) for workers in (1, 2))
    want = alone(seen)
    assert torch.equal(torch.cat([alone(clip[None]) for clip in seen]), want)
    given: list[torch.Tensor] = []
    threads = [threading.Thread(target=lambda: given.append(shared(seen))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 2 and all(torch.equal(each, want) for each in given)


def test_which_engine() -> None:
    lines: list[str] = []
    assert choose_engine("torch", "cpu", wanted(), lines.append) == "torch"
    assert choose_engine("auto", "cuda", wanted(), lines.append) == "torch"
    with pytest.raises(ExtractorError, match="openvino computes on CPUs, not on cuda"):
        choose_engine("openvino", "cuda", wanted(), lines.append)
    assert engine_version("torch") == f"torch {torch.__version__.split('+')[0]}" and not lines


def test_without_openvino_torch_computes_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    lines: list[str] = []
    assert choose_engine("auto", "cpu", wanted(), lines.append) == "torch"
    assert len(lines) == 1 and "torch computes the backbone" in lines[0]
    with pytest.raises(EngineError, match="OpenVINO cannot be loaded"):
        choose_engine("openvino", "cpu", wanted(), lines.append)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder for converted backbones, and another for temporary files."""
    monkeypatch.setenv("AQA_MODELS_DIR", str(tmp_path / "models"))
    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    yield tmp_path / "models"


@openvino
def test_made_once_and_again_where_it_is_damaged(folder: Path) -> None:
    lines: list[str] = []
    asked = wanted()
    path = conversion.converted(asked, lines.append)
    assert path.parent == folder and len(lines) == 1 and "converting swin3d" in lines[0]
    whole, made = path.read_bytes(), path.stat().st_mtime_ns
    assert conversion.converted(replace(asked, weights="the same"), lines.append) == path
    assert path.stat().st_mtime_ns == made and len(lines) == 1
    path.write_bytes(whole[: len(whole) // 2])
    assert conversion.converted(asked, lines.append) == path
    assert conversion.is_whole(path) and "cut short or changed" in lines[1]
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    assert not conversion.is_whole(path)
    assert {each.suffix for each in folder.iterdir()} == {".blob", ".json", ".lock"}


def test_another_version_or_processor_has_a_file_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = wanted()
    keys = {conversion._key(asked), conversion._key(replace(asked, precision="bf16"))}
    keys.add(conversion._key(replace(asked, clip_shape=(32, 112, 112))))
    keys.add(conversion._key(replace(asked, digest="0" * 64)))
    monkeypatch.setattr(conversion, "_versions", lambda: {"openvino": "1"})
    keys.add(conversion._key(asked))
    monkeypatch.setattr(conversion, "kind", lambda: "another")
    keys.add(conversion._key(asked))
    assert len(keys) == 6


@openvino
def test_two_at_once_convert_once(folder: Path) -> None:
    lines: list[str] = []
    asked = wanted()
    paths: list[Path] = []
    both = [
        threading.Thread(target=lambda: paths.append(conversion.converted(asked, lines.append)))
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(set(paths)) == 1
    words = sorted(line.split()[0] for line in lines)
    assert words == ["another", "converting"]  # process converts it: waiting


@openvino
def test_a_cache_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_text("a file")
    lines: list[str] = []
    path = conversion.converted(wanted(), lines.append)
    assert path.parent.parent.name == "t" and path.parent.stat().st_mode & 0o777 == 0o700
    assert f"{folder}: " in lines[0] and "instead" in lines[0]
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "below-a-file"))
    assert choose_engine("auto", "cpu", wanted(), lines.append) == "torch"
    assert "cannot be kept" in lines[-1]


@openvino
def test_a_disk_that_is_full(folder: Path) -> None:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs root, and a kernel that lets it mount")
    try:
        lines: list[str] = []
        path = conversion.converted(wanted(), lines.append)
        assert path.parent.parent.name == "t" and conversion.is_whole(path)
        assert "No space left" in lines[1] and "instead" in lines[1]
        assert not any(each.suffix == ".blob" for each in folder.iterdir())
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@openvino
def test_what_cannot_be_converted_falls_back_and_says_so(folder: Path) -> None:
    asked = replace(wanted(), digest="0" * 64)  # of other weights than are found
    lines: list[str] = []
    assert choose_engine("auto", "cpu", asked, lines.append) == "torch"
    assert "cannot be converted: its weights are not those" in lines[-1]


WATCHED = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print(event, arguments, file=sys.stderr)
        raise SystemExit("the network was asked for")
sys.addaudithook(watch)
from extractors.backbones import convert
convert.main()
assert "openvino_telemetry" not in sys.modules
"""


@openvino
def test_nothing_is_sent(tmp_path: Path) -> None:
    asked = json.dumps([vars(wanted()), str(tmp_path / "x.blob")])
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], input=asked, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert conversion.is_whole(tmp_path / "x.blob")
