"""What is new in a ledger: its latest lines, kept by who wrote them for those who look at them at once."""

from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Final

import msgspec

from projections.compute import Columns, columns
from projections.ledger import Key, Line
from services.journal.port import Cut
from services.store.port import Applied

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
    """What was written in one go."""

    before: int
    """The position of the checkpoint until then."""
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


class Recent:
    """The latest lines of each tenant, as many as fit. Any thread may write and ask."""

    def __init__(self) -> None:
        self._batches: dict[str, deque[_Batch]] = {}
        self._lock = Lock()

    def wrote(
        self, tenant: str, before: int, applied: Sequence[Applied], lines: Sequence[Line], fresh: frozenset[Key]
    ) -> None:
        """These were written behind a checkpoint, and the checkpoint behind them; ``fresh`` entities had none yet."""
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

    def forget(self, tenant: str | None = None) -> None:
        """What was written is not what stands there any more; of all tenants, where none is named."""
        with self._lock:
            for name in [tenant] if tenant is not None else list(self._batches):
                self._batches.pop(name, None)

    def head(self, tenant: str) -> Cut | None:
        """How far the tenant's ledger is; None where that is not known here."""
        with self._lock:
            kept = self._batches.get(tenant)
            return kept[-1].cut if kept else None

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
