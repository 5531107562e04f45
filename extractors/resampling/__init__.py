"""Pillow's antialiased bilinear resampling of RGB frames: its bits, several times as fast."""

from extractors.resampling.antialiased import Box, compiled, resample

__all__ = ["Box", "compiled", "resample"]
