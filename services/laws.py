"""Whether the laws of the ledger hold, for everything that shows numbers: looked at now and then, and remembered."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

import msgspec

from services.books import Books
from services.clock import now_ms
from services.replay.verify import broken_laws

_LOG: Final = logging.getLogger(__name__)
LOOK_MS: Final = 60_000
"""How often the laws are looked at, which means reading the whole ledger; only while somebody asks."""
SHARE: Final = 50
"""Less often where that takes long: it is done for one part in so many of the time."""
AT_ONCE: Final = 3_000_000
"""Of so many lines they are looked at while somebody waits for an answer: it takes a second or two."""


class Look(msgspec.Struct, frozen=True):
    """What was found when one tenant's ledger was looked at."""

    tables: str
    """In which set of tables; see Books."""
    position: int
    """Up to here."""
    broken: Mapping[str, str] | None
    """The laws that do not hold, each with its first offence; None: they were not looked at."""
    parked: int
    """How many events are."""
    latest_ms: int | None
    """When the last event occurred; None: there is none."""
    due_ms: int
    """When it is time to look again."""

    def told(self) -> dict[str, Any]:
        """As answers have it."""
        hold = None if self.broken is None else not self.broken
        return {"hold": hold, "position": self.position, "broken": sorted(self.broken or ())}


_NOT_YET: Final = Look("", 0, None, 0, None, 0)


Looking = Callable[[Books], Look]


class Laws:
    """The laws of the ledgers of many tenants. Threads may share it: at worst two look at the same at a time.

    ``aside`` has somebody look at a tenant's, with books of his own, while answers are made.
    """

    def __init__(self, aside: Callable[[str, Looking], Future[Look]] | None = None) -> None:
        self._aside: Final = aside
        self._looks: Final[dict[str, Look]] = {}
        self._begun_ms: Final[dict[str, int]] = {}

    def known(self, books: Books) -> Look:
        """As they were found lately, in these tables. Where nobody has looked for long, it is done first, unless the
        ledger is so large that it takes long.

        Raises StoreError.
        """
        found, patience_ms = self._found(books), LOOK_MS if self._aside is not None else 0
        if (found is None or now_ms() >= found.due_ms + patience_ms) and _lines(books) <= AT_ONCE:
            return self.look(books)
        return self.lately(books) or _NOT_YET

    def lately(self, books: Books) -> Look | None:
        """As they were found last, without waiting for it; None: nobody has looked at these tables yet."""
        found, begun_ms = self._found(books), self._begun_ms.get(books.tenant, 0)
        if self._aside is not None and now_ms() >= max(found.due_ms if found else 0, begun_ms + LOOK_MS):
            self._begun_ms[books.tenant] = now_ms()
            self._aside(books.tenant, self.look).add_done_callback(_logged)
        return found

    def _found(self, books: Books) -> Look | None:
        found = self._looks.get(books.tenant)
        return found if found is not None and found.tables == books.tables else None

    def look(self, books: Books) -> Look:
        """Look at all that is known. Raises StoreError."""
        start_ms, cut = now_ms(), books.cut(None)
        told = {"tenant": books.tenant, "cut": cut.position}
        known = "WHERE tenant = {tenant:String} AND position <= {cut:UInt64}"
        rows = books.query(f"SELECT countIf(parked != ''), max(at_ms), count() FROM {{history}} {known}", told)
        parked, latest_ms, events = rows[0]
        broken = broken_laws(books, books.tenant, cut)
        due_ms = now_ms() + max(LOOK_MS, (now_ms() - start_ms) * SHARE)
        latest = latest_ms if events else None
        found = self._looks[books.tenant] = Look(books.tables, cut.position, broken, parked, latest, due_ms)
        return found


def _lines(books: Books) -> int:
    sql = "SELECT max(lines) FROM {checkpoints} WHERE tenant = {tenant:String}"
    return int(books.query(sql, {"tenant": books.tenant})[0][0])


def _logged(look: Future[Look]) -> None:
    """Nobody waits for it, so what went wrong is told here; what was found before stays."""
    if not look.cancelled() and (error := look.exception()) is not None:
        _LOG.error("the laws of the ledger could not be looked at: %s", error)
