"""Videos for the benchmarks: moving coloured shapes over a drifting texture, H.264, 25 fps."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

FPS = 25


def write_footage(path: Path, seconds: float, width: int, height: int, seed: int = 0) -> Path:
    """A video of this size; one that is there already, of the same name, is kept."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    texture = np.kron(
        random.integers(60, 180, (height // 8 + 1, width // 8 + 65, 3)), np.ones((8, 8, 1))
    ).astype(np.uint8)
    temporary = path.with_suffix(".part.mp4")
    with av.open(str(temporary), "w") as file:
        stream = file.add_stream("libx264", FPS, options={"preset": "veryfast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(round(seconds * FPS)):
            drift = index % 512
            image = texture[:height, drift : drift + width].copy()
            left = int((0.5 + 0.4 * np.sin(index / 17)) * (width - width // 6))
            top = int((0.5 + 0.4 * np.cos(index / 23)) * (height - height // 3))
            image[top : top + height // 3, left : left + width // 6] = (230, 40, 90)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    temporary.replace(path)
    return path
