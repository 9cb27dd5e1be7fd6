"""From the journal topic to the ledger: the mirror takes the records, and each tenant's poster writes what they say."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from projections.ledger import Line
from services.journal.kafka import KafkaJournal
from services.journal.port import Journal
from services.kafka.clients import partition_of
from services.kafka.records import Record
from services.processor.poster import Poster
from services.store.port import Applied, Fenced, Store, StoreError
from services.worker.breaker import Breaker


class Counts(Protocol):
    """Who counts what came to the ledger."""

    def posted(self, applied: Sequence[Applied]) -> None: ...


class Ledgers:
    """The ledgers of the tenants in this worker's journal partitions, which ``owned`` names. All from one thread.

    A tenant is taken over in the store at its first write. Whose write is fenced, was taken over from: it is left, or,
    where its partition is still ours, taken back when it is tried again.
    """

    def __init__(
        self,
        journal: KafkaJournal,
        store: Store,
        owned: Callable[[], frozenset[int]],
        breaker: Breaker,
        counts: Counts,
        *,
        history_events: int,
    ) -> None:
        self._journal = journal
        self._store = store
        self._owned = owned
        self._breaker = breaker
        self._counts = counts
        self._history_events = history_events
        self._posters: dict[str, Poster] = {}
        self._owed: set[str] = set()
        """Who has something in the mirror that may not be in the ledger yet."""
        self.done: Final[dict[int, tuple[int, int]]] = {}
        """By partition, the journal offset up to which everything is in the ledger, and the time of the record before
        it; 0: unknown. Any thread may read it."""

    def begin(self) -> None:
        """Partitions were assigned anew: let go of the tenants of the others, and find out who is behind.

        The journal is read to its end here, whatever the group has committed.
        """
        self._drop(lambda tenant: not self._is_ours(tenant))
        self._owed.update(
            tenant for tenant in self._journal.tenants() if self._is_ours(tenant) and self._behind(tenant)
        )
        reached = {number: (self._journal.next_offset(number), 0) for number in self._owned()}
        self._post()
        for number in list(self.done):
            if number not in reached:
                del self.done[number]
        self.done.update(reached)

    def take(self, records: Sequence[Record]) -> None:
        """Take records of the journal and post what they say, whole partitions of them in order.

        Returns when the checkpoints are written. Raises StoreError, JournalError or Tripped where something could not
        be done; take the same records again then.
        """
        self._journal.take(records)
        self._owed |= {tenant for record in records if self._is_ours(tenant := _tenant(record))}
        self._post()
        for record in records:
            if record.offset >= self.done.get(record.partition, (0, 0))[0]:
                self.done[record.partition] = record.offset + 1, record.timestamp_ms

    def _post(self) -> None:
        """Post for everybody who is owed; an error of one is raised when the others are done."""
        first: StoreError | None = None
        for tenant in sorted(self._owed):
            try:
                if self._is_ours(tenant) and (tenant in self._posters or self._behind(tenant)):
                    self._poster(tenant).catch_up()
                self._owed.discard(tenant)
            except StoreError as error:
                self._posters.pop(tenant, None)
                fences = first is not None and isinstance(error, Fenced)
                first = first if fences else error
        if first is not None:
            raise first

    def _poster(self, tenant: str) -> Poster:
        if tenant not in self._posters:
            keep = max(self._history_events // (len(self._posters) + 1), 1000)
            self._posters[tenant] = _Watched(tenant, self._journal, self._store, self._breaker, self._counts, keep)
        return self._posters[tenant]

    def _behind(self, tenant: str) -> bool:
        return bool(self._journal.read(tenant, self._store.checkpoint(tenant).position, 1))

    def _is_ours(self, tenant: str) -> bool:
        return partition_of(tenant, self._journal.partitions) in self._owned()

    def _drop(self, which: Callable[[str], bool]) -> None:
        for tenant in [tenant for tenant in self._posters if which(tenant)]:
            del self._posters[tenant]
        self._owed = {tenant for tenant in self._owed if not which(tenant)}


class _Watched(Poster):
    """A poster that the breaker may stop before it writes a batch, and whose batches are counted."""

    def __init__(
        self, tenant: str, journal: Journal, store: Store, breaker: Breaker, counts: Counts, keep: int
    ) -> None:
        self._breaker = breaker
        self._counts = counts
        super().__init__(tenant, journal, store, keep=keep)

    def _write(self, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        parked = sum(bool(each.parked) for each in applied)
        self._breaker.admit(len(applied), parked)
        super()._write(applied, lines)
        self._breaker.note(len(applied), parked)
        self._counts.posted(applied)


def _tenant(record: Record) -> str:
    """Whose record it is; of a stranger's record, a name that has no journal."""
    return (record.key or b"").decode("utf-8", "replace")
