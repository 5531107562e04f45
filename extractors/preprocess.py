"""What happens to a frame between the reader and the backbone.

The published chain: resize the short side, crop the centre, resize to the network's size, all
bilinear and antialiased as Pillow does it (torchvision's transforms on PIL images); then /255,
mean and std.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from extractors.protocols import Protocol
from extractors.resampling import resample

if TYPE_CHECKING:
    import torch

FRAMES_AHEAD = 3


def prepare_frames(
    frames: Iterator[np.ndarray], protocol: Protocol, pixel_aspect: float = 1.0
) -> Iterator[np.ndarray]:
    """``prepare_frame`` of each, in order, in a thread: the next frame is decoded meanwhile.

    At most FRAMES_AHEAD wait.  An error of ``frames`` comes after the frames before it.
    """
    failure, waiting = None, deque()
    with ThreadPoolExecutor(1) as pool:
        while failure is None:
            try:
                waiting.append(pool.submit(prepare_frame, next(frames), protocol, pixel_aspect))
            except Exception as error:  # StopIteration too
                failure = error
            if len(waiting) > FRAMES_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    if not isinstance(failure, StopIteration):
        raise failure


def prepare_frame(frame: np.ndarray, protocol: Protocol, pixel_aspect: float = 1.0) -> np.ndarray:
    """uint8 RGB [height, width, 3] of any size -> uint8 [H, W, 3] of the protocol's size.

    pixel_aspect  width of a pixel by its height.
    """
    shown = (frame.shape[1] * pixel_aspect, frame.shape[0])
    if protocol.crop is not None:
        frame = _resize_and_crop(frame, shown, protocol)
    elif protocol.short_side is not None:
        frame = resample(frame, _resized(shown, protocol.short_side))
    return frame if frame.shape[:2] == protocol.size else resample(frame, protocol.size[::-1])


def _resize_and_crop(frame: np.ndarray, shown: tuple[float, int], protocol: Protocol) -> np.ndarray:
    """Only the part that the crop keeps is computed: its box in source pixels is resized at once.

    The kernel still sees the pixels beside the box, so the result is that of resizing the
    whole image and then cropping (torchvision's Resize and CenterCrop, black padding included).
    """
    crop, short_side = protocol.crop, protocol.short_side
    resized = (round(shown[0]), shown[1]) if short_side is None else _resized(shown, short_side)
    left, width, pad_left = _centre(resized[0], crop[1])
    top, height, pad_top = _centre(resized[1], crop[0])
    stored_height, stored_width = frame.shape[:2]
    scale_x, scale_y = stored_width / resized[0], stored_height / resized[1]
    box = (
        left * scale_x,
        top * scale_y,
        min((left + width) * scale_x, stored_width),
        min((top + height) * scale_y, stored_height),
    )
    part = resample(frame, (width, height), box)
    if (height, width) == crop:
        return part
    padded = np.zeros((*crop, 3), np.uint8)
    padded[pad_top : pad_top + height, pad_left : pad_left + width] = part
    return padded


def _resized(size: tuple[float, int], short_side: int) -> tuple[int, int]:
    """(width, height) with the short side given; the long side is truncated, as torchvision does.

    A 340 x 256 image with short_side 128 becomes 170 x 128.
    """
    width, height = size
    if width <= height:
        return short_side, int(short_side * height / width)
    return int(short_side * width / height), short_side


def _centre(have: int, want: int) -> tuple[int, int, int]:
    """One axis of CenterCrop: (first kept pixel, kept pixels, padding before them)."""
    if have < want:
        return 0, have, (want - have) // 2
    return round((have - want) / 2), want, 0


def normalise(clips: torch.Tensor, protocol: Protocol) -> torch.Tensor:
    """uint8 [B, T, H, W, 3] on any device -> float32 [B, 3, T, H, W], normalised."""
    import torch

    values = clips.permute(0, 4, 1, 2, 3).to(torch.float32, memory_format=torch.contiguous_format)
    mean, std = (values.new_tensor(v).view(3, 1, 1, 1) for v in (protocol.mean, protocol.std))
    return values.div_(255).sub_(mean).div_(std)
