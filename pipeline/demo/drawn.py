"""The demo's footage: drawn ribbon routines as real video files, whose true score is known.

A routine is a sequence of elements, one per clip. An element has a *difficulty* (how many loops
the ribbon makes and how far the leg is raised) and an *execution* (a well executed element is
steady and smooth; a poor one trembles, leans, and its ribbon is jagged). An element earns
difficulty x execution; the score is the mean over the elements, times 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT, FPS = 160, 120, 25
ELEMENT_FRAMES = 16
_SHIFT = 4  # cv2 draws with 1/16 pixel accuracy


@dataclass(frozen=True)
class Routine:
    """``difficulty`` and ``execution`` in 0..1, one per element; ``score`` in 0..100."""

    difficulty: np.ndarray
    execution: np.ndarray

    @property
    def element_points(self) -> np.ndarray:
        """Points of each element, 0..100."""
        return 100 * self.difficulty * self.execution

    @property
    def score(self) -> float:
        return float(self.element_points.mean())


def random_routine(rng: np.random.Generator, elements: int) -> Routine:
    """A performer of random strength; her elements vary about it."""
    strength = rng.uniform(0.2, 0.9, size=2)
    difficulty, execution = np.clip(
        strength[:, None] + rng.normal(0, 0.18, size=(2, elements)), 0.05, 1.0
    )
    return Routine(difficulty, execution)


def write_video(path: Path, routine: Routine, rng: np.random.Generator) -> None:
    """Encodes the routine as H.264 in MP4: 25 frames/s, 16 frames per element."""
    frames = (
        frame
        for difficulty, execution in zip(routine.difficulty, routine.execution, strict=True)
        for frame in draw_element(difficulty, execution, rng)
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        # x264's assembly and threads do not give the same bytes, and so features, on every run.
        repeatable = "asm=0:threads=1:lookahead-threads=1:sync-lookahead=0"
        stream.options = {"crf": "20", "preset": "veryfast", "x264-params": repeatable}
        stream.codec_context.thread_count = 1
        stream.time_base = Fraction(1, FPS)
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def draw_element(difficulty: float, execution: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Frames uint8 [120, 160, 3], RGB, of one element."""
    fault = 1.0 - execution
    frames = []
    for phase in np.linspace(0, 1, ELEMENT_FRAMES, endpoint=False):
        frame = _floor()
        hip = np.array([0.36 * WIDTH, 0.58 * HEIGHT]) + rng.normal(0, 2.5 * fault, 2)
        lean = 0.5 * fault * np.sin(2 * np.pi * phase) + rng.normal(0, 0.12 * fault)
        hand = _figure(frame, hip, lean, difficulty, phase)
        _ribbon(frame, hand, difficulty, fault, phase, rng)
        frames.append(frame)
    return frames


def _floor() -> np.ndarray:
    rows = np.linspace(0, 1, HEIGHT)[:, None]
    frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    frame[:] = (np.array([214, 226, 240]) - rows * np.array([50, 44, 30]))[:, None, :]
    cv2.line(frame, (0, int(0.88 * HEIGHT)), (WIDTH, int(0.88 * HEIGHT)), (120, 130, 150), 1)
    return frame


def _figure(
    frame: np.ndarray, hip: np.ndarray, lean: float, difficulty: float, phase: float
) -> np.ndarray:
    """Draws the gymnast; returns where her ribbon hand is, (x, y) in pixels."""
    dark, dress = (40, 40, 60), (150, 40, 90)
    up = np.array([np.sin(lean), -np.cos(lean)])
    shoulder, head = hip + 26 * up, hip + 36 * up
    raise_angle = np.pi / 2 - difficulty * 0.9 * np.pi * np.sin(np.pi * phase)
    free_foot = hip + 32 * np.array([-np.cos(raise_angle), np.sin(raise_angle)])
    hand = shoulder + 20 * np.array([np.cos(0.7), -np.sin(0.7 + 0.3 * np.sin(2 * np.pi * phase))])
    _line(frame, [hip, [hip[0], 0.88 * HEIGHT]], dark, 3)
    _line(frame, [hip, free_foot], dark, 3)
    _line(frame, [hip, shoulder], dress, 6)
    _line(frame, [shoulder, hand], dark, 2)
    _line(frame, [shoulder, shoulder + np.array([-14, 6])], dark, 2)
    cv2.circle(frame, _fixed(head), 5 << _SHIFT, (200, 160, 130), -1, cv2.LINE_AA, _SHIFT)
    return hand


def _ribbon(
    frame: np.ndarray,
    hand: np.ndarray,
    difficulty: float,
    fault: float,
    phase: float,
    rng: np.random.Generator,
) -> None:
    along = np.linspace(0, 1, 60)
    loops, radius = 1 + 4 * difficulty, 6 + 12 * difficulty
    angle = 2 * np.pi * (loops * along - 2 * phase)
    points = hand + np.stack(
        [62 * along + radius * np.sin(angle) * along, 18 * along + radius * np.cos(angle) * along],
        axis=1,
    )
    points += rng.normal(0, 5 * fault, points.shape) * along[:, None]
    _line(frame, points, (220, 30, 60), 2)


def _line(frame: np.ndarray, points: object, colour: tuple[int, int, int], width: int) -> None:
    cv2.polylines(frame, [_fixed(points)], False, colour, width, cv2.LINE_AA, _SHIFT)


def _fixed(points: object) -> np.ndarray:
    return np.round(np.asarray(points, float) * (1 << _SHIFT)).astype(np.int32)
