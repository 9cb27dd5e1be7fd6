"""A tenant whose ledger cannot be written waits by itself, and does not hold up the others of its worker."""

import logging
from collections.abc import Callable
from random import random
from typing import Final

import msgspec

from services.store.port import Fenced, StoreError
from services.worker.logs import say

FIRST_S: Final = 0.2
FENCED_S: Final = 3.0
"""How long who was taken over from stays away: the time that a retry of parked events needs, or a rebalance."""


def pause_s(tries: int, longest_s: float) -> float:
    """How long to wait after so many tries that failed: twice as long each time, and never all at once."""
    return min(FIRST_S * 2.0 ** min(tries, 30), longest_s) * (0.5 + random() / 2)


class _Open(msgspec.Struct):
    """What is wrong with a tenant."""

    trouble: str
    tries: int
    until: float


class Circuits:
    """Who waits, and until when. ``failed`` is told each try that failed, by its kind: store, fenced.

    ``now`` counts seconds.
    """

    def __init__(self, longest_s: float, failed: Callable[[str], None], now: Callable[[], float]) -> None:
        self._longest_s = longest_s
        self._now = now
        self._failed = failed
        self._open: dict[str, _Open] = {}

    def waits(self, tenant: str) -> bool:
        """Whether it is too early to try a tenant again."""
        found = self._open.get(tenant)
        return found is not None and self._now() < found.until

    def failing(self, tenant: str, error: StoreError) -> None:
        """A tenant's write failed. The log says so once, until it goes on."""
        kind = "fenced" if isinstance(error, Fenced) else "store"
        self._failed(kind)
        before = self._open.get(tenant)
        tries = before.tries + 1 if before else 0
        wait_s = FENCED_S * (0.5 + random()) if kind == "fenced" else pause_s(tries, self._longest_s)
        if before is None or before.trouble != kind:
            say(
                logging.WARNING, "waits and tries again",
                stage="journal", trouble=kind, tenant=tenant, reason=str(error),
            )  # fmt: skip
        self._open[tenant] = _Open(kind, tries, self._now() + wait_s)

    def well(self, tenant: str) -> None:
        """A tenant's ledger was written."""
        if before := self._open.pop(tenant, None):
            say(logging.INFO, "goes on", stage="journal", after=before.trouble, tenant=tenant)

    def keep(self, ours: Callable[[str], bool]) -> None:
        """Forget the tenants that are somebody else's now."""
        self._open = {tenant: found for tenant, found in self._open.items() if ours(tenant)}
