"""Whether the books can be trusted just now: what was told is counted, the ledger keeps up, and its laws hold."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from events.envelope import to_text
from projections.laws import LAWS
from services.books import Books
from services.clock import now_ms
from services.journal.port import Cut, Journal
from services.replay.verify import broken_laws

_LOG: Final = logging.getLogger(__name__)
LOOK_MS: Final = 60_000
"""How often the laws are looked at, which means reading the whole ledger; only while somebody watches."""
SHARE: Final = 50
"""Less often where that takes long: it is done for one part in so many of the time."""
Look = Callable[[Books], None]


class Pulse:
    """The health of one tenant's books. Threads may share it: at worst two look at the laws at a time.

    ``aside`` has somebody look, with books of his own, while frames are made; without it they wait.
    """

    def __init__(self, journal: Journal, tenant: str, aside: Callable[[Look], Future[None]] | None = None) -> None:
        self._journal = journal
        self._tenant = tenant
        self._aside = aside
        self._due_ms = 0
        self._deep: dict[str, Any] = {}

    def __call__(self, books: Books, cut: Cut) -> dict[str, Any]:
        """At a cut; with the laws, as they were found lately, once they were looked at. Raises JournalError,
        StoreError."""
        tally, head = self._journal.tally(self._tenant), self._journal.head(self._tenant)
        if now_ms() >= self._due_ms:
            self._due_ms = now_ms() + LOOK_MS
            if self._aside is None:
                self._look(books)
            else:
                self._aside(self._look).add_done_callback(_logged)
        counted = tally.told == tally.accepted + tally.duplicates + tally.refused
        return {
            "told": tally.told, "accepted": tally.accepted, "duplicates": tally.duplicates, "refused": tally.refused,
            "head": head.position, "lag": max(head.position - cut.position, 0), "counted": counted, **self._deep,
        }  # fmt: skip

    def _look(self, books: Books) -> None:
        start_ms = now_ms()
        self._deep = _deep(books, books.cut(None))
        self._due_ms = now_ms() + max(LOOK_MS, (now_ms() - start_ms) * SHARE)


def _logged(look: Future[None]) -> None:
    """Nobody waits for it, so what went wrong is told here; what was found before stays."""
    if not look.cancelled() and (error := look.exception()) is not None:
        _LOG.error("the laws of the ledger could not be looked at: %s", error)


def _deep(books: Books, cut: Cut) -> dict[str, Any]:
    parameters = {"tenant": books.tenant, "cut": cut.position}
    known = "WHERE tenant = {tenant:String} AND position <= {cut:UInt64}"
    rows = books.query(f"SELECT countIf(parked != ''), max(at_ms), count() FROM {{history}} {known}", parameters)
    parked, latest, events = rows[0]
    broken = broken_laws(books, books.tenant, cut)
    laws = [{"name": law.name, "words": law.words, "holds": law.name not in broken} for law in LAWS]
    return {"parked": parked, "latest": to_text(latest) if events else None, "laws": laws}
