"""The backbone's numbers on a GPU. What needs none to be tried is tried on the CPU as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from quick import NARROW, SPEC, TINY_SPEC

from extractors import build_backbone
from extractors.backbones import Wanted, canonical_name
from extractors.backbones.torch_engine import TorchEngine
from pipeline.extraction.stages.backbone import FeatureExtractor
from pipeline.extraction.stages.batch import Batch


def engine(architecture: object, device: str, precision: str = "float32") -> TorchEngine:
    identity = build_backbone(architecture).identity
    name = canonical_name(architecture)
    wanted = Wanted(name, "random", identity.weights_digest, (16, 112, 112), precision)
    return TorchEngine(wanted, device)


def clips(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand((count, 3, 16, 112, 112), generator=generator).sub_(0.5).mul_(4)


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize(
    ("precision", "cosine", "absolute"), [("float32", 0.999999, 1e-4), ("bf16", 0.9995, 0.05)]
)
def test_a_gpu_gives_torchvision_s_numbers(
    name: str, precision: str, cosine: float, absolute: float, device: str
) -> None:
    """Those of its own module in float32 on the CPU."""
    seen = clips(3)
    with torch.inference_mode():
        expected = build_backbone(NARROW[name])(seen)
    got = engine(NARROW[name], device, precision)(seen.to(device)).cpu()
    assert got.dtype == torch.float32
    assert (got - expected).abs().max() <= absolute
    assert torch.cosine_similarity(got.double(), expected.double()).min() >= cosine


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_clip_s_bits_are_no_matter_of_its_neighbours(precision: str, device: str) -> None:
    """In a batch of one shape, as all of a GPU's are."""
    compute, seen = engine(TINY_SPEC.architecture, device, precision), clips(8).to(device)
    together = compute(seen).cpu()
    turned = compute(seen.flip(0)).cpu().flip(0)
    with_others = compute(torch.cat([seen[:4], torch.zeros_like(seen[:4])])).cpu()
    assert torch.equal(together, turned) and torch.equal(together[:4], with_others[:4])
    assert torch.equal(together, compute(seen).cpu())


@pytest.mark.gpu
def test_clips_go_through_page_locked_memory_whole() -> None:
    """Batch after batch by one buffer: each has its own numbers, not those of the next."""
    spec = replace(SPEC, device="cuda")
    extractor, random = FeatureExtractor(spec), np.random.default_rng(0)
    batches = [
        Batch(str(number), clips=random.integers(0, 256, spec.batch_shape, np.uint8))
        for number in range(3)
    ]
    assert extractor._pinned.is_pinned()
    first = [extractor(batch).features for batch in batches]
    again = [extractor(batch).features for batch in reversed(batches)][::-1]
    assert [one.tobytes() for one in first] == [one.tobytes() for one in again]
    assert len({one.tobytes() for one in first}) == 3


@pytest.mark.parametrize("room", [4, 2, 1])
def test_what_has_no_room_is_tried_in_smaller_batches(
    room: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, seen = engine(TINY_SPEC.architecture, device), clips(5).to(device)
    expected, tried = compute.in_pieces(seen), []
    forward = compute._forward

    def short_of_memory(part: torch.Tensor) -> torch.Tensor:
        tried.append(len(part))
        if len(part) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(part)

    monkeypatch.setattr(compute, "_forward", short_of_memory)
    assert torch.allclose(compute.in_pieces(seen), expected, atol=1e-5)
    assert tried == {4: [5, 3, 2], 2: [5, 3, 2, 1, 2], 1: [5, 3, 2, 1, 1, 1, 2, 1, 1]}[room]


def test_one_clip_without_room_is_a_failure(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compute, tried = engine(TINY_SPEC.architecture, device), []

    def full(part: torch.Tensor) -> torch.Tensor:
        tried.append(len(part))
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(compute, "_forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        compute.in_pieces(clips(4).to(device))
    assert tried == [4, 2, 1]
