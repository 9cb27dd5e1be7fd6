"""What is new in a ledger: its latest lines, kept by who wrote them for those who look at them at once."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition
from typing import Final

import msgspec

from projections.compute import Columns, columns
from projections.ledger import Key, Line
from services.journal.port import Cut
from services.store.port import Applied, StoreError

PATIENCE_S: Final = 10.0
"""How long to wait until something is written."""
MANY: Final = 1_000
"""Lines; where more are new at once, it is for the engine to look at them."""


class News(msgspec.Struct, frozen=True):
    """What became known between two cuts."""

    lines: Sequence[Columns]
    books: frozenset[str]
    """The kinds of the entities that events were told of."""
    fresh: frozenset[Key] = frozenset()
    """Entities of which all lines are among these, as far as that is known."""


class _Batch(msgspec.Struct):
    """What was posted in one go."""

    before: int
    """The position up to which all was posted until then."""
    cut: Cut
    lines: Sequence[Line]
    books: frozenset[str]
    fresh: frozenset[Key]
    told: list[Columns] | None = None

    def columns(self) -> list[Columns]:
        """Its lines, made ready when somebody first wants them."""
        if self.told is None:
            self.told = [columns(line) for line in self.lines]
        return self.told


def _nobody() -> None:
    """Nobody writes."""


class Recent:
    """The latest lines of each tenant, as many as fit: those that are written, and those that are going to be.

    Who posts makes the lines at once and writes them together, for each write costs the store much. Who only needs the
    lines sees them at once. Any thread may write and ask.
    """

    def __init__(self) -> None:
        self._batches: dict[str, deque[_Batch]] = {}
        self._written: dict[str, Cut] = {}
        self._awaited: set[str] = set()
        self._lock = Condition()
        self.hurry: Callable[[], object] = _nobody
        """Hears that somebody waits for what is not written yet."""

    def posted(
        self, tenant: str, before: int, applied: Sequence[Applied], lines: Sequence[Line], fresh: frozenset[Key]
    ) -> None:
        """These follow upon a position, and are going to be written; ``fresh`` entities had no lines yet."""
        last = applied[-1].entry
        books = frozenset(each.book for each in applied)
        batch = _Batch(before, Cut(last.position, last.recorded_ms), lines if len(lines) <= MANY else (), books, fresh)
        with self._lock:
            kept = self._batches.setdefault(tenant, deque())
            if len(lines) > MANY or (kept and kept[-1].cut.position != before):
                kept.clear()
            if len(lines) <= MANY:
                kept.append(batch)
            while sum(len(each.lines) for each in kept) > 2 * MANY or len(kept) > MANY:
                kept.popleft()

    def wrote(self, tenant: str, cut: Cut) -> None:
        """The ledger is written as far as this."""
        with self._lock:
            self._written[tenant] = cut
            self._awaited.discard(tenant)
            self._lock.notify_all()

    def forget(self, tenant: str | None = None) -> None:
        """What was posted is not what stands there any more; of all tenants, where none is named."""
        with self._lock:
            for name in [tenant] if tenant is not None else [*self._batches, *self._written]:
                self._batches.pop(name, None)
                self._written.pop(name, None)
                self._awaited.discard(name)
            self._lock.notify_all()

    def head(self, tenant: str) -> Cut | None:
        """How far the tenant's ledger is written; None where that is not known here."""
        with self._lock:
            return self._written.get(tenant)

    def ahead(self, tenant: str) -> Cut | None:
        """How far it is posted, if only in memory; None where that is not known here."""
        with self._lock:
            kept = self._batches.get(tenant)
            return kept[-1].cut if kept else self._written.get(tenant)

    def awaited(self, tenant: str) -> bool:
        """Whether somebody waits until what is posted is written."""
        with self._lock:
            return tenant in self._awaited

    def settle(self, tenant: str, position: int) -> None:
        """Wait until the ledger is written up to a position that was posted. Raises StoreError where it will not be."""
        with self._lock:
            if self._is_written(tenant, position):
                return
            self._awaited.add(tenant)
            self.hurry()
            self._lock.wait_for(
                lambda: self._is_written(tenant, position) or tenant not in self._batches, timeout=PATIENCE_S
            )
            if not self._is_written(tenant, position):
                raise StoreError(f"what was posted up to {position} could not be written yet; it will be tried again")

    def _is_written(self, tenant: str, position: int) -> bool:
        written = self._written.get(tenant)
        return written is not None and written.position >= position

    def since(self, tenant: str, known: int, upto: int) -> News | None:
        """What became known after one position, up to another; None where that is not known here, or is much."""
        with self._lock:
            kept = [batch for batch in self._batches.get(tenant, ()) if known < batch.cut.position <= upto]
        if not kept or kept[0].before > known or kept[-1].cut.position != upto:
            return None
        if sum(len(batch.lines) for batch in kept) > MANY:
            return None
        lines = [line for batch in kept for line in batch.columns()]
        books = frozenset[str]().union(*(batch.books for batch in kept))
        if kept[0].before < known:
            return News([line for line in lines if line["position"] > known], books)
        return News(lines, books, frozenset[Key]().union(*(batch.fresh for batch in kept)))
