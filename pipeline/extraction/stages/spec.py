"""Everything that decides the numbers of a feature file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from aqa.sections import Precision
from extractors import check_reader, get_protocol
from extractors.backbones import computes_bf16
from extractors.readers import STALL_LIMIT_S
from pipeline.errors import UsageError

Salvage = Literal["none", "first", "all"]
AskedEngine = Literal["auto", "openvino", "torch"]
DEFAULT_BACKBONE = "swin3d_b"
DEFAULT_WEIGHTS = "kinetics600-22k"
# About this many bytes: small beside Ray's blocks, and a CPU shows progress.
BATCH_BYTES = {"cpu": 5 * 2**20, "cuda": 40 * 2**20}
MAX_BATCH_CLIPS = 64


@dataclass(frozen=True)
class ExtractionSpec:
    """What is computed, and how. Travels to every worker.

    precision      of the backbone's matrix products.
    engine         what computes the backbone; "auto" is settled where a run begins (``settled``).
    weights_digest of the weights, once it is known: a worker need not read them to find out.
    salvage        what of a damaged video is kept: "none", "first" what comes before the damage,
                   "all" what lies outside of it.
    stream         number of the video stream; None: the one that a person would watch.
    stored_aspect  pixels count as square: of published data sets, as they were extracted.
    stall_limit_s  a reading process that gives nothing for so long is ended.
    """

    architecture: str | dict[str, Any]
    weights: str
    protocol: str  # Protocol.identity
    device: str
    reader: str = "auto"
    start_s: float | None = None
    end_s: float | None = None
    precision: Precision = "float32"
    engine: AskedEngine = "auto"
    weights_digest: str | None = None
    salvage: Salvage = "none"
    stream: int | None = None
    stored_aspect: bool = False
    stall_limit_s: float = STALL_LIMIT_S

    @property
    def batch_clips(self) -> int:
        """Clips per batch: fixed by protocol and device alone."""
        clip_bytes = int(np.prod(get_protocol(self.protocol).clip_shape))
        return max(1, min(MAX_BATCH_CLIPS, BATCH_BYTES[self.device] // clip_bytes))

    @property
    def batch_shape(self) -> tuple[int, int, int, int, int]:
        """(B, T, H, W, 3) of a full batch."""
        return (self.batch_clips, *get_protocol(self.protocol).clip_shape)


def make_spec(
    *,
    architecture: str | dict[str, Any] | None,
    weights: str | None,
    protocol: str | None,
    device: str,
    precision: str | None = None,
    engine: str | None = None,
    **settings: Any,
) -> ExtractionSpec:
    """A spec with defaults filled in, by default bf16 on a GPU; ``settings`` are its other fields.

    An unknown protocol or reader is an ExtractorError, an unknown precision or engine a UsageError.
    """
    reader = settings.get("reader", "auto")
    check_reader(reader)
    if precision not in (None, *get_args(Precision)):
        raise UsageError(f"--precision {precision}: expected {' or '.join(get_args(Precision))}")
    if engine not in (None, *get_args(AskedEngine)):
        raise UsageError(f"--engine {engine}: expected {', '.join(get_args(AskedEngine))}")
    if device == "cpu" and precision == "bf16" and not computes_bf16():
        raise UsageError(
            "--precision bf16: this processor has no units for it (avx512_bf16, amx_bf16), which "
            "makes it slower than float32: leave it out"
        )
    if weights and (path := Path(weights).expanduser()).is_file():
        weights = str(path.absolute())  # read by workers elsewhere
    return ExtractionSpec(
        architecture=architecture or DEFAULT_BACKBONE,
        weights=weights or DEFAULT_WEIGHTS,
        protocol=get_protocol(protocol or "contiguous32").identity,
        device=device,
        precision=precision or ("bf16" if device == "cuda" else "float32"),
        engine=engine or "auto",
        **settings,
    )
