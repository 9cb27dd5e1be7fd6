"""How fast each caller may tell: a token bucket that may go below zero once, and is waited for then."""

import math
import time
from typing import Final

from services.gateway.problems import Problem

BURST_S: Final = 2
"""A bucket holds what it gains in so many seconds."""


class Rates:
    """The buckets of all callers. ``per_s`` is events a second; 0: as fast as they like. For one thread."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._buckets: dict[str, tuple[float, float]] = {}
        """By caller, how many events may be told, and when that was so."""

    def check(self, caller: str) -> None:
        """Raises Problem 429 where the caller has to wait."""
        if self._per_s and (level := self._level(caller)) <= 0:
            wait_s = max(math.ceil(-level / self._per_s), 1)
            detail = f"too fast; allowed: {self._per_s} events a second, and again in {wait_s} s"
            raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait_s)})

    def spend(self, caller: str, events: int) -> None:
        """Notes what was told; a request that tells nothing counts as one event."""
        if self._per_s:
            self._buckets[caller] = (self._level(caller) - max(events, 1), time.monotonic())

    def _level(self, caller: str) -> float:
        full = float(self._per_s * BURST_S)
        level, since = self._buckets.get(caller, (full, 0.0))
        return min(level + (time.monotonic() - since) * self._per_s, full)
