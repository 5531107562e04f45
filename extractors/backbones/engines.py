"""What computes a backbone: OpenVINO on CPUs, torch with fused attention elsewhere.

engine = choose_engine("auto", "cpu", wanted, tell)    # once, where a run begins
compute = open_engine(engine, "cpu", wanted, tell)     # in each worker
features = compute(clips)                              # [B, 3, T, H, W] -> [B, C]
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, Protocol

from extractors.backbones.conversion import EngineError, Wanted, converted
from extractors.errors import ExtractorError

if TYPE_CHECKING:
    from torch import Tensor

EngineName = Literal["openvino", "torch"]


class Engine(Protocol):
    """A backbone that is ready. ``channels`` is the width of its features."""

    channels: int

    def __call__(self, clips: Tensor) -> Tensor:
        """Normalised float32 [B, 3, T, H, W] -> float32 [B, C], both on the engine's device."""


def choose_engine(
    asked: str, device: str, wanted: Wanted, tell: Callable[[str], None]
) -> EngineName:
    """Which engine a run has; converts the backbone if need be.

    asked  "auto", "openvino" or "torch".
    tell   gets lines for people: a conversion, and why auto came to torch on a CPU.

    Raises ExtractorError: one that was asked for and cannot be had.
    """
    if asked == "torch" or (asked == "auto" and device != "cpu"):
        return "torch"
    if device != "cpu":
        raise ExtractorError(f"the engine openvino computes on CPUs, not on {device}: leave it out")
    try:
        from extractors.backbones.openvino_engine import import_openvino

        import_openvino()
        converted(wanted, tell)
    except EngineError as error:
        if asked == "openvino":
            raise
        tell(f"torch computes the backbone, which takes three times as long: {error}")
        return "torch"
    return "openvino"


def open_engine(
    engine: EngineName,
    device: str,
    wanted: Wanted,
    tell: Callable[[str], None],
    workers: int = 1,
) -> Engine:
    """The engine, for ``workers`` threads at once. Raises ExtractorError."""
    if engine == "openvino":
        from extractors.backbones.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(converted(wanted, tell), wanted.precision, workers)
    from extractors.backbones.torch_engine import TorchEngine

    return TorchEngine(wanted, device)


def engine_version(engine: EngineName) -> str:
    """As records have it: "openvino 2026.4.1"."""
    return f"{engine} {version(engine)}"
