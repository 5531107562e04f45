from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import video

from extractors import ExtractorError, build_backbone
from extractors.backbones import networks
from extractors.backbones.architectures import SWIN_SIZES, canonical_name
from extractors.backbones.networks import digest_of, make_swin
from extractors.backbones.weights import require_known

SMALL = {
    "embed_dim": 12,
    "depths": [1, 1],
    "num_heads": [2, 2],
    "patch_size": [2, 4, 4],
    "window_size": [2, 3, 3],
}


def official(backbone: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A torchvision-named SMALL trunk under the official names."""
    renamed = {}
    for key, value in backbone.trunk.state_dict().items():
        for ours, theirs in (
            ("features.0.", "layers.0.blocks."),
            ("features.1.", "layers.0.downsample."),
            ("features.2.", "layers.1.blocks."),
            ("mlp.0.", "mlp.fc1."),
            ("mlp.3.", "mlp.fc2."),
        ):
            key = key.replace(ours, theirs)
        renamed["backbone." + key] = value
    return {"state_dict": renamed | {"cls_head.fc_cls.weight": torch.zeros(3, 24)}}


@pytest.fixture
def trained():
    return build_backbone(SMALL, seed=5)


def save(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("name", ["t16", "t32", "odd"])
def test_equals_the_published_implementation(shared: Path, name: str, device: str) -> None:
    golden = shared / "golden" / "vst"
    settings = json.loads((golden / "config.json").read_text())
    backbone = build_backbone(settings, golden / "official_format.pth").to(device)
    clips = torch.from_numpy(np.load(golden / f"{name}_input.npy")).float().to(device)
    with torch.inference_mode():
        got = backbone(clips).cpu().numpy()
    want = np.load(golden / f"{name}_feature.npy")
    assert got.shape == want.shape and got.dtype == np.float32
    assert np.abs(got - want).max() < 1e-4


def test_both_formats_give_the_same_network(trained, tmp_path: Path) -> None:
    torchvision_format = {
        **trained.trunk.state_dict(),
        "head.weight": torch.zeros(3, 24),
        "head.bias": torch.zeros(3),
    }
    paths = (
        save(torchvision_format, tmp_path / "tv.pth"),
        save(official(trained), tmp_path / "o.pth"),
    )
    clips = torch.randn(2, 3, 4, 16, 16)
    for path in paths:
        loaded = build_backbone(SMALL, path)
        assert loaded.identity.weights_digest == trained.identity.weights_digest
        assert loaded.identity.weights.startswith("file:")
        assert torch.equal(loaded(clips), trained(clips))


@pytest.mark.parametrize("style", ["torchvision", "official"])
def test_missing_and_surplus_weights_are_fatal(trained, tmp_path: Path, style: str) -> None:
    state = official(trained)["state_dict"] if style == "official" else trained.trunk.state_dict()
    prefix = "backbone." if style == "official" else ""
    less = {k: v for k, v in state.items() if k != prefix + "norm.bias"}
    with pytest.raises(ExtractorError, match=r"a\.pth: does not fit.*1 missing, first 'norm.bias'"):
        build_backbone(SMALL, save({"state_dict": less}, tmp_path / "a.pth"))
    more = {**state, prefix + "extra.weight": torch.zeros(1)}
    with pytest.raises(ExtractorError, match=r"weights 1 surplus, first 'extra.weight'"):
        build_backbone(SMALL, save({"state_dict": more}, tmp_path / "b.pth"))


def test_another_size_is_fatal(trained, tmp_path: Path) -> None:
    path = save(official(trained), tmp_path / "a.pth")
    with pytest.raises(ExtractorError, match=r"'.*' is \(12, .*, expected \(24, "):
        build_backbone({**SMALL, "embed_dim": 24}, path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"conv1.weight": torch.zeros(1)}, "unknown format, first key 'conv1.weight'"),
        ({}, "holds no weights"),
        ([1, 2], "holds no weights"),
        ({"epoch": 3}, "'epoch' is no tensor"),
    ],
)
def test_other_checkpoints_are_refused(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(ExtractorError, match=f"a.pth: {words}.*expected an official Video Swin"):
        build_backbone(SMALL, save(content, tmp_path / "a.pth"))


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize("content", [b"", b"plain text", b"PK\x03\x04 broken"])
def test_files_that_are_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(ExtractorError, match=r"a.pth: no checkpoint of plain tensors") as error:
        build_backbone(SMALL, path)
    assert "\n" not in str(error.value)


def test_checkpoints_are_not_executed(tmp_path: Path) -> None:
    with pytest.raises(ExtractorError, match="no checkpoint of plain tensors"):
        build_backbone(SMALL, save({"state_dict": Evil()}, tmp_path / "a.pth"))


def test_random_weights_repeat_and_leave_the_callers_randomness_alone() -> None:
    torch.manual_seed(1)
    want = torch.rand(3)
    torch.manual_seed(1)
    first, second = build_backbone("swin3d_mini"), build_backbone("swin3d_mini")
    assert torch.equal(torch.rand(3), want)
    assert first.identity == second.identity
    assert (first.identity.backbone, first.identity.weights) == ("swin3d_mini", "random")
    other = build_backbone("swin3d_mini", seed=7)
    assert other.identity.weights == "random-7"
    assert other.identity.weights_digest != first.identity.weights_digest


def test_shapes_and_mode() -> None:
    backbone = build_backbone("swin3d_mini")
    assert backbone.channels == 48
    assert not backbone.training and not any(p.requires_grad for p in backbone.parameters())
    clips = torch.randn(3, 3, 16, 56, 56)
    batched = backbone(clips)
    assert batched.shape == (3, 48) and batched.dtype == torch.float32
    single = torch.cat([backbone(clip[None]) for clip in clips])
    assert torch.allclose(batched, single, atol=1e-5)


def test_weights_that_are_given_need_no_random_ones(
    trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is drawn, and what no checkpoint holds is there all the same; weights that are none
    are refused before a network is built."""
    path = save(official(trained), tmp_path / "a.pth")
    drawn, draw = [], torch.Tensor.uniform_

    def uniform(tensor: torch.Tensor, *bounds: float, **options: object) -> torch.Tensor:
        drawn.append(tensor.device.type)
        return draw(tensor, *bounds, **options)

    monkeypatch.setattr(torch.Tensor, "uniform_", uniform)
    loaded = build_backbone(SMALL, path)
    assert set(drawn) == {"meta"}
    for name, value in trained.trunk.state_dict().items():
        assert torch.equal(loaded.trunk.state_dict()[name], value), name
    assert any(name.endswith("relative_position_index") for name, _ in loaded.named_buffers())
    monkeypatch.setattr(networks, "make_swin", None)
    for weights in ("kinetics", save({"epoch": 3}, tmp_path / "b.pth")):
        with pytest.raises(ExtractorError):
            build_backbone(SMALL, weights)


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("swin3d_b", "swin3d_b"),
        ("timm:test_resnet", "timm:test_resnet"),
        (SMALL, "swin3d(depths=1-1,embed_dim=12,num_heads=2-2,patch_size=2-4-4,window_size=2-3-3)"),
    ],
)
def test_the_name_of_a_backbone_needs_no_network(
    architecture: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.nn.Module, "__init__", None)
    assert canonical_name(architecture) == name


def test_timm_has_its_own_weights_and_no_others() -> None:
    require_known("timm:test_resnet", "pretrained")
    with pytest.raises(ExtractorError, match=r"no name for timm:test_resnet \(names: pretrained;"):
        require_known("timm:test_resnet", "imagenet")
    with pytest.raises(ExtractorError, match="timm has no model 'resnet_none'"):
        canonical_name("timm:resnet_none")


@pytest.mark.parametrize("name", ["swin3d_t", "swin3d_s", "swin3d_b"])
def test_named_sizes_are_torchvisions(name: str) -> None:
    with torch.device("meta"):
        want = getattr(video, name)(weights=None).state_dict()
        got = make_swin(SWIN_SIZES[name]).state_dict()
    assert {k: v.shape for k, v in got.items()} == {
        k: v.shape for k, v in want.items() if not k.startswith("head.")
    }


def test_identity_text_builds_the_same_backbone(trained) -> None:
    text = trained.identity.backbone
    assert text == (
        "swin3d(depths=1-1,embed_dim=12,num_heads=2-2,patch_size=2-4-4,window_size=2-3-3)"
    )
    assert build_backbone(text, seed=5).identity == trained.identity
    mini = {
        "embed_dim": 24,
        "depths": (2, 2),
        "num_heads": (2, 4),
        "patch_size": (2, 4, 4),
        "window_size": (8, 7, 7),
    }
    assert build_backbone(mini).identity.backbone == "swin3d_mini"


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("swin3d_x", "unknown backbone 'swin3d_x': there are swin3d_t, .* and timm:NAME"),
        ("swin3d(depths)", "unknown backbone"),
        ({"embed_dim": 12}, r"needs exactly patch_size, .*got \['embed_dim'\]"),
        ({**SMALL, "depths": [1]}, "sizes do not fit"),
        ({**SMALL, "num_heads": [5, 2]}, "sizes do not fit"),
        ({**SMALL, "depths": "two"}, "depths cannot be 'two'"),
        ({**SMALL, "embed_dim": [12]}, r"embed_dim cannot be \[12\]"),
        ("timm:resnet_none", "timm has no model 'resnet_none'; near it: "),
    ],
)
def test_wrong_architectures(architecture: object, words: str) -> None:
    with pytest.raises(ExtractorError, match=words):
        build_backbone(architecture)


def test_image_model_is_averaged_over_frames(tmp_path: Path) -> None:
    backbone = build_backbone("timm:test_resnet")
    clips = torch.randn(2, 3, 4, 64, 64)
    got = backbone(clips)
    frames = torch.stack([backbone.trunk.image_model(clips[:, :, t]) for t in range(4)])
    assert got.shape == (2, backbone.channels)
    assert torch.allclose(got, frames.mean(0), atol=1e-5)
    assert backbone.identity.backbone == "timm:test_resnet"

    import timm

    whole = timm.create_model("test_resnet")  # a checkpoint with its classifier
    loaded = build_backbone("timm:test_resnet", save(whole.state_dict(), tmp_path / "a.pth"))
    features = timm.create_model("test_resnet", num_classes=0)
    features.load_state_dict(whole.state_dict(), strict=False)
    assert loaded.identity.weights_digest != backbone.identity.weights_digest
    assert digest_of(loaded.trunk.image_model) == digest_of(features)
