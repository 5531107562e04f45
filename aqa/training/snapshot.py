"""The state of a training under way, so that a killed one goes on to the same weights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from aqa.storage import write_atomically

EVERY_S = 30.0


class Snapshot:
    """One file, written at the end of an epoch when the last one is EVERY_S seconds old.

    It holds whatever the recipe needs besides the random state, which it keeps itself. What was
    written under another ``fingerprint`` (config, data, seed, device) is not taken up.
    """

    def __init__(self, path: Path | None, fingerprint: str = "") -> None:
        self.path, self.fingerprint = path, fingerprint
        self._written = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state of the last write, with torch's random state set back to it; None: start."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
            if content["fingerprint"] != self.fingerprint:
                return None
            torch.set_rng_state(content["random"])
            if content["random_cuda"]:
                torch.cuda.set_rng_state_all(content["random_cuda"])
            return content["state"]
        except Exception:  # a damaged file raises nearly anything, and only costs the time
            return None

    def save(self, state: dict[str, Any]) -> None:
        if self.path is None or time.monotonic() - self._written < EVERY_S:
            return
        content = {
            "fingerprint": self.fingerprint,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "state": state,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, lambda file: torch.save(content, file))
        self._written = time.monotonic()
