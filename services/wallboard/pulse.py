"""Whether the books can be trusted just now: what was told is counted, the ledger keeps up, and its laws hold."""

from typing import Any

from events.envelope import to_text
from projections.laws import LAWS
from services.books import Books
from services.journal.port import Cut, Journal
from services.laws import Laws, Look


class Pulse:
    """The health of one tenant's books. Threads may share it."""

    def __init__(self, journal: Journal, tenant: str, laws: Laws) -> None:
        self._journal = journal
        self._tenant = tenant
        self._laws = laws

    def __call__(self, books: Books, cut: Cut) -> dict[str, Any]:
        """At a cut; with the laws, as they were found lately, once they were looked at. Raises JournalError,
        StoreError."""
        tally, head = self._journal.tally(self._tenant), self._journal.head(self._tenant)
        look = self._laws.lately(books)
        counted = tally.told == tally.accepted + tally.duplicates + tally.refused
        return {
            "told": tally.told, "accepted": tally.accepted, "duplicates": tally.duplicates, "refused": tally.refused,
            "head": head.position, "lag": max(head.position - cut.position, 0), "counted": counted,
        } | (_found(look) if look is not None else {})  # fmt: skip


def _found(look: Look) -> dict[str, Any]:
    broken = look.broken or {}
    laws = [{"name": law.name, "words": law.words, "holds": law.name not in broken} for law in LAWS]
    return {"parked": look.parked, "latest": look.latest_ms and to_text(look.latest_ms), "laws": laws}
