"""Which backbones there are, their names and sizes; without torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

from extractors.errors import ExtractorError

TIMM = "timm:"


@dataclass(frozen=True)
class SwinShape:
    """Sizes of a Video Swin; (frames, rows, columns) of a patch and of a window."""

    patch_size: tuple[int, ...]
    embed_dim: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    window_size: tuple[int, ...]

    def __post_init__(self) -> None:
        patch, width, depths, heads, window = astuple(self)
        fits = len(patch) == 3 == len(window) and len(depths) == len(heads) and sum(depths) > 1
        if not fits or any(width * 2**i % h for i, h in enumerate(heads)):
            raise ExtractorError(
                f"swin3d backbone: sizes do not fit: embed_dim {width}, depths {depths}, num_heads "
                f"{heads}, patch_size {patch}, window_size {window}"
            )


SWIN_SIZES = {
    "swin3d_t": SwinShape((2, 4, 4), 96, (2, 2, 6, 2), (3, 6, 12, 24), (8, 7, 7)),
    "swin3d_s": SwinShape((2, 4, 4), 96, (2, 2, 18, 2), (3, 6, 12, 24), (8, 7, 7)),
    "swin3d_b": SwinShape((2, 4, 4), 128, (2, 2, 18, 2), (4, 8, 16, 32), (8, 7, 7)),
    # Something-Something v2: a longer window.
    "swin3d_b_window16": SwinShape((2, 4, 4), 128, (2, 2, 18, 2), (4, 8, 16, 32), (16, 7, 7)),
    # For tests, the demo and laptops: random weights only.
    "swin3d_mini": SwinShape((2, 4, 4), 24, (2, 2), (2, 4), (8, 7, 7)),
}
_SETTINGS = tuple(field.name for field in fields(SwinShape))


def canonical_name(architecture: str | Mapping) -> str:
    """The name under which features of this backbone are kept; builds nothing. ExtractorError for
    one that there is not."""
    if isinstance(architecture, str) and architecture.startswith(TIMM):
        require_timm(architecture)
        return architecture
    return swin_shape(architecture)[0]


def require_timm(architecture: str) -> None:
    """ExtractorError, with names near it, for a ``timm:NAME`` that timm does not have."""
    import timm

    name = architecture.removeprefix(TIMM)
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name.split('_')[0]}*")[:5])
        raise ExtractorError(f"timm has no model {name!r}" + (f"; near it: {near}" if near else ""))


def swin_shape(architecture: str | Mapping) -> tuple[str, SwinShape]:
    """(canonical name, sizes) of a name, of the text that stands for sizes, or of sizes."""
    if isinstance(architecture, str):
        if architecture in SWIN_SIZES:
            return architecture, SWIN_SIZES[architecture]
        architecture = _parse(architecture)
    if set(architecture) != set(_SETTINGS):
        raise ExtractorError(
            f"a swin3d backbone needs exactly {', '.join(_SETTINGS)}; got {sorted(architecture)}"
        )
    shape = SwinShape(**{key: _setting(key, architecture[key]) for key in _SETTINGS})
    known = next((name for name, sizes in SWIN_SIZES.items() if sizes == shape), None)
    text = ",".join(
        f"{key}={'-'.join(map(str, value)) if isinstance(value, tuple) else value}"
        for key, value in sorted(vars(shape).items())
    )
    return known or f"swin3d({text})", shape


def _parse(text: str) -> dict[str, list[int] | int]:
    match = re.fullmatch(r"swin3d\((.*)\)", text)
    if not match or not re.fullmatch(r"(\w+=\d+(-\d+)*,?)+", match[1]):
        raise ExtractorError(
            f"unknown backbone {text!r}: there are {', '.join(SWIN_SIZES)} and {TIMM}NAME"
        )
    pairs = (part.split("=") for part in match[1].split(","))
    numbers = {key: [int(n) for n in value.split("-")] for key, value in pairs}
    return {k: v[0] if k == "embed_dim" else v for k, v in numbers.items()}


def _setting(key: str, value: object) -> int | tuple[int, ...]:
    plain = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not plain or not all(isinstance(n, int) and n > 0 for n in plain):
        raise ExtractorError(f"swin3d backbone: {key} cannot be {value!r}")
    if (key == "embed_dim") != isinstance(value, int):
        raise ExtractorError(f"swin3d backbone: {key} cannot be {value!r}")
    return plain[0] if key == "embed_dim" else tuple(plain)
