"""From the journal to the ledger: each tenant's poster writes what its journal has and its ledger does not."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from events.codec import UnknownEvent, read
from events.corrections import EventVoided
from events.envelope import Entry, Place
from services.journal.kafka import KafkaJournal
from services.journal.port import Cut
from services.journal.sqlite import SqliteJournal
from services.kafka.clients import partition_of
from services.processor.plain import as_columns
from services.processor.poster import BATCH, Poster, kind_of, post_entries
from services.store.clickhouse import ClickHouseStore
from services.store.columns import history_table, postings_table
from services.store.port import Fenced, StoreError
from services.worker.breaker import Breaker
from services.worker.circuits import Circuits

LOOK_S: Final = 0.1
"""How often the journal topic is looked at for what others have appended: gateways, workers that feed tenants of our
partitions, ``move``, retries of dead letters."""
LATEST_S: Final = 2.0
"""So long it is not looked at amid a batch that this worker writes to it, for there it would find mostly that batch."""
FOLLOWED: Final = 2_000
"""Records of other workers' partitions that are taken into the mirror in one go, when there is time."""
FOLLOWING_PERCENT: Final = 10
"""The share of its time that a worker spends on that at most, for else many would each do what all of them do."""


class Counts(Protocol):
    """Who counts what came to the ledger."""

    def posted(self, recorded_ms: Sequence[int], parked: int) -> None: ...
    def failed(self, of: str) -> None: ...


class Ledgers:
    """The ledgers of the tenants in this worker's journal partitions, which ``owned`` names.

    All but ``look`` is called from one thread.

    What this worker feeds into the journal is in its mirror once the broker has it, and is posted from there;
    ``writing`` says whether it is feeding something at the moment, or will be in the next.

    A tenant is taken over in the store at its first write. Whose write is fenced, was taken over from: it is left, or,
    where its partition is still ours, taken back when it is tried again.
    """

    def __init__(
        self,
        journal: KafkaJournal,
        store: ClickHouseStore,
        owned: Callable[[], frozenset[int]],
        breaker: Breaker,
        counts: Counts,
        *,
        writing: Callable[[], bool],
        history_events: int,
        retry_s: float,
    ) -> None:
        self._journal = journal
        self._store = store
        self._owned = owned
        self._breaker = breaker
        self._counts = counts
        self._writing = writing
        self._history_events = history_events
        self._circuits: Final = Circuits(retry_s, counts.failed, time.monotonic)
        self._posters: dict[str, Poster] = {}
        self._posted: dict[str, int] = {}
        """Up to which position a tenant's ledger is known to be."""
        self._looked_s = 0.0
        self._follow_from_s = 0.0
        self.done: Final[dict[int, tuple[int, int]]] = {}
        """By partition, the journal offset up to which everything is in the ledger, and the time of the record before
        it; 0: unknown. Any thread may read it."""

    def begin(self) -> None:
        """Partitions were assigned anew: let go of the tenants of the others, and post for those who are behind.

        Whose they were before may have posted, so that the checkpoints are read again.
        """
        owned = self._owned()
        self._posters = {tenant: each for tenant, each in self._posters.items() if self._place(tenant) in owned}
        self._posted = {tenant: poster.position for tenant, poster in self._posters.items()}
        self._circuits.keep(lambda tenant: self._place(tenant) in owned)
        for number in set(self.done) - owned:
            del self.done[number]
        self.look(0)
        for number in owned:
            self.done.setdefault(number, (max(self._journal.next_offset(number) - 1, 0), 0))
        self.post()

    def post(self) -> None:
        """Post what the journal has by now, for everybody whose turn it is.

        Returns when the checkpoints are written; who cannot be written waits by himself, and is tried again by a later
        call. Raises JournalError or Tripped, and StoreError where nobody can be written; call again then.
        """
        self.look(LATEST_S if self._writing() else LOOK_S)
        owned = self._owned()
        reached = {number: self._journal.next_offset(number) for number in owned}
        heads = self._journal.heads()
        behind = [tenant for tenant in heads if self._place(tenant) in owned and heads[tenant] > self._reached(tenant)]
        waiting = {tenant for tenant in behind if self._circuits.waits(tenant)}
        waiting |= self._post_all([tenant for tenant in behind if tenant not in waiting])
        held = {self._place(tenant) for tenant in waiting}
        self.done.update({number: (offset, 0) for number, offset in reached.items() if number not in held})
        if not self._writing():
            self._follow()

    def _follow(self) -> None:
        """Keep the mirror near the end of other workers' partitions too: who takes one over posts it when its mirror
        has all of it. They do the work of theirs, so that this is nothing to wait for, and is left out under load.
        """
        others = set(range(self._journal.partitions)) - self._owned()
        began = time.monotonic()
        if others and began >= self._follow_from_s:
            self._journal.follow(others, FOLLOWED)
            took_s = time.monotonic() - began
            self._follow_from_s = began + max(took_s * 100 / FOLLOWING_PERCENT, LOOK_S)

    def look(self, after_s: float = LOOK_S) -> None:
        """Take into the mirror what others have appended to our partitions, if that was not done for so long.

        From any thread.
        """
        if time.monotonic() - self._looked_s >= after_s:
            self._journal.catch_up(self._owned())
            self._looked_s = time.monotonic()

    def _reached(self, tenant: str) -> int:
        """Up to where a tenant's ledger is."""
        if tenant not in self._posted:
            self._posted[tenant] = self._store.checkpoint(tenant).position
        return self._posted[tenant]

    def _post_all(self, tenants: Sequence[str]) -> set[str]:
        """Those for whom it failed. Where the store takes nobody's, the first error is raised after the second."""
        failed: dict[str, StoreError] = {}
        written = False
        for tenant in tenants:
            if self._place(tenant) not in self._owned():
                continue  # it went to somebody else meanwhile
            try:
                poster = self._poster(tenant)
                poster.catch_up()
            except StoreError as error:
                self._posters.pop(tenant, None)
                failed[tenant] = error
                down = [each for each in failed.values() if not isinstance(each, Fenced)]
                if len(down) > 1 and not written:
                    raise down[0] from error
                self._circuits.failing(tenant, error)
            else:
                written = True
                self._posted[tenant] = poster.position
                self._circuits.well(tenant)
        return set(failed)

    def _poster(self, tenant: str) -> Poster:
        if tenant not in self._posters:
            keep = max(self._history_events // (len(self._posters) + 1), 1000)
            self._posters[tenant] = _Watched(tenant, self._journal, self._store, self._breaker, self._counts, keep)
        return self._posters[tenant]

    def _place(self, tenant: str) -> int:
        return partition_of(tenant, self._journal.partitions)


class _Watched(Poster):
    """A poster that the breaker may stop before it writes a batch, and whose batches are counted.

    What can be posted as columns is.
    """

    def __init__(
        self, tenant: str, journal: SqliteJournal, store: ClickHouseStore, breaker: Breaker, counts: Counts, keep: int
    ) -> None:
        self._breaker = breaker
        self._counts = counts
        self._mirror = journal
        self._tables = store
        super().__init__(tenant, journal, store, keep=keep)

    def catch_up(
        self, progress: Callable[[int], None] | None = None, batch: int = BATCH, upto: int | None = None
    ) -> int:
        assert progress is None, "nobody looks on"
        assert upto is None, "a worker posts all that there is"
        if self._failed:
            self._begin()
        began = self.position
        while places := self._mirror.read_shard(self.tenant, self.position, self.position + batch, 0, 1):
            self._post_places(places)
        return self.position - began

    def _post_places(self, places: Sequence[Place]) -> None:
        """As ``post``, of the rows of the journal."""
        self._failed = True  # until it is written, what is in memory is ahead of the store
        self._void_ahead(places)
        plain, others = as_columns(self._ledger, self._parked, places)
        applied, lines = post_entries(self._ledger, self._parked, [Entry(self.tenant, *place) for place in others])
        parked = {each.entry.position: each.parked for each in applied if each.parked}
        self._breaker.admit(len(places), len(parked))
        kinds = {type_: kind_of(type_) for type_ in {place[4] for place in places}}
        history = history_table(self.tenant, places, [kinds[place[4]] for place in places], parked)
        postings = [postings_table(self.tenant, lines, plain)] if lines or plain else []
        cut = Cut(places[-1][0], places[-1][1])
        self._tables.write_tables(self.tenant, [history], postings, cut)
        self._failed = False
        self._breaker.note(len(places), len(parked))
        self._counts.posted([place[1] for place in places], len(parked))
        self.position = cut.position
        self._ledger.trim()

    def _void_ahead(self, places: Sequence[Place]) -> None:
        """Note what is voided before it is told, for columns are posted before the voidings of their batch."""
        for place in places:
            if place[4] == EventVoided.TYPE and (EventVoided.KIND, place[6]) not in self._parked:
                with suppress(UnknownEvent):  # it will be parked
                    void = read(Entry(self.tenant, *place)).data
                    assert isinstance(void, EventVoided)
                    target = void.source, void.id
                    if self._locate(target, place[0]) is None:
                        self._ledger.void_ahead(target)
