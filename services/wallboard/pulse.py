"""Whether the books can be trusted just now: what was told is counted, the ledger keeps up, and its laws hold."""

from typing import Any, Final

from events.envelope import to_text
from projections.laws import LAWS
from services.books import Books
from services.clock import now_ms
from services.journal.port import Cut, Journal

LOOK_MS: Final = 60_000
"""How often the laws are looked at, which means reading the whole ledger; only while somebody watches its health."""


class Pulse:
    """The health of one tenant's books. Threads may share it: at worst two look at the laws at a time."""

    def __init__(self, journal: Journal, tenant: str) -> None:
        self._journal = journal
        self._tenant = tenant
        self._looked_ms: int | None = None
        self._deep: dict[str, Any] = {}

    def __call__(self, books: Books, cut: Cut, deep: bool) -> dict[str, Any]:
        """At a cut; ``deep``: the laws too, as they were a minute ago or less. Raises JournalError, StoreError."""
        tally, head = self._journal.tally(self._tenant), self._journal.head(self._tenant)
        if deep and (self._looked_ms is None or now_ms() - self._looked_ms > LOOK_MS):
            self._deep = _deep(books, cut)
            self._looked_ms = now_ms()
        counted = tally.told == tally.accepted + tally.duplicates + tally.refused
        return {
            "told": tally.told, "accepted": tally.accepted, "duplicates": tally.duplicates, "refused": tally.refused,
            "head": head.position, "lag": max(head.position - cut.position, 0), "counted": counted, **self._deep,
        }  # fmt: skip


def _deep(books: Books, cut: Cut) -> dict[str, Any]:
    parameters = {"tenant": books.tenant, "cut": cut.position}
    known = "WHERE tenant = {tenant:String} AND position <= {cut:UInt64}"
    rows = books.query(f"SELECT countIf(parked != ''), max(at_ms), count() FROM {{history}} {known}", parameters)
    parked, latest, events = rows[0]
    broken = [law.name for law in LAWS if books.query(law.first_offence, parameters)]
    laws = [{"name": law.name, "words": law.words, "holds": law.name not in broken} for law in LAWS]
    return {"parked": parked, "latest": to_text(latest) if events else None, "laws": laws}
