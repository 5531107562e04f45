"""How long reading may get nowhere before it is ended."""

from __future__ import annotations

STALL_LIMIT_S = 60.0
