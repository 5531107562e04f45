"""The process that converts one backbone: ``python -m extractors.backbones.convert``.

What is wanted comes as JSON on its input; where it fails its last line is JSON that says why.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import torch

from extractors.backbones.conversion import GREATEST_DIFFERENCE, Wanted, keep
from extractors.backbones.networks import build_backbone
from extractors.backbones.openvino_engine import OpenVinoEngine, import_openvino, settings


def main() -> None:
    asked, path = json.load(sys.stdin)
    asked["clip_shape"] = tuple(asked["clip_shape"])
    try:
        _convert(Wanted(**asked), Path(path))
    except OSError as error:
        _fail(error.strerror or str(error), error.errno, error.filename)
    except Exception as error:  # whatever a library says of a network that it does not take
        _fail(" ".join(str(error).split())[:300] or type(error).__name__)


def _convert(wanted: Wanted, path: Path) -> None:
    openvino = import_openvino()
    backbone = build_backbone(wanted.backbone, wanted.weights)
    if backbone.identity.weights_digest != wanted.digest:
        raise ValueError("its weights are not those that were asked for")
    clip = torch.rand((1, 3, *wanted.clip_shape), generator=torch.Generator().manual_seed(0))
    clip = clip.sub_(0.5).mul_(4)
    with torch.inference_mode():
        expected = backbone(clip)
    with torch.no_grad():
        network = openvino.convert_model(backbone, example_input=clip, input=list(clip.shape))
    differences = []
    # Of some shapes OpenVINO's generated kernels are wrong in the third digit; without them it is
    # 7 % slower.
    for mode in ({}, {"SNIPPETS_MODE": "DISABLE"}):
        compiled = openvino.Core().compile_model(
            network, "CPU", settings(wanted.precision, 1) | mode
        )
        blob = compiled.export_model().getvalue()
        differences.append(_difference(blob, wanted, path, clip, expected))
        if differences[-1] <= GREATEST_DIFFERENCE[wanted.precision]:
            keep(wanted, path, blob, differences[-1])
            return
    raise ValueError(f"OpenVINO's features differ from torch's by {min(differences):.2g}")


def _difference(
    blob: bytes, wanted: Wanted, path: Path, clip: torch.Tensor, expected: torch.Tensor
) -> float:
    """The greatest, against features of size one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name) as file:
        file.write(blob)
        file.flush()
        # What is compared is what a worker will load.
        given = OpenVinoEngine(Path(file.name), wanted.precision, workers=1)(clip)
    return float((given - expected).abs().max() / expected.abs().max().clamp(min=1))


def _fail(text: str, number: int | None = None, file: str | None = None) -> NoReturn:
    print(json.dumps({"text": text, "errno": number, "file": file}), file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
