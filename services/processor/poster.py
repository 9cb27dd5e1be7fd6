"""The poster: reads the journal from the checkpoint and writes the ledger.

It never stops on bad data: an event its book cannot post is parked with its entity's later events, in order, visible
among the dead letters, and the rest goes on.
"""

from collections.abc import Callable, Container, Sequence
from functools import cache
from typing import Final

from events.codec import UnknownEvent, read
from events.corrections import EventVoided
from events.envelope import Entry, Fact
from events.vocabulary import BY_TYPE
from projections.ledger import Identity, Key, Ledger, Line, Unpostable
from services.journal.port import Cut, Journal
from services.news import Recent
from services.store.port import Applied, Store

BATCH: Final = 20_000
"""Events written in one go."""


class Poster:
    """Keeps the ledger of one tenant at the head of its journal. One at a time for each tenant."""

    def __init__(
        self, tenant: str, journal: Journal, store: Store, *, keep: int = 100_000, recent: Recent | None = None
    ) -> None:
        """``recent`` is told what was posted, and what was written."""
        self.tenant = tenant
        self._recent = recent
        self._fresh: set[Key] = set()
        """Entities that the ledger knew nothing of before the batch."""
        self._journal = journal
        self._store = store
        self._keep = keep
        self._begin()

    def _begin(self) -> None:
        """Start from the checkpoint, knowing nothing but what the store has."""
        self._applied: list[Applied] = []
        """What is posted and not written yet; and its lines."""
        self._lines: list[Line] = []
        if self._recent is not None:
            self._recent.forget(self.tenant)
        self._store.recover(self.tenant)
        self.position = self._store.checkpoint(self.tenant).position
        self._parked = parked_keys(self._store, self.tenant, self._journal)
        waiting = {entry.position for entry, _, _ in self._store.parked(self.tenant)}
        voided = voided_before(self._journal, self.tenant, self.position, waiting)
        self._ledger = Ledger(load=self._load, locate=self._locate, voided=voided, keep=self._keep)
        self._failed = False

    def catch_up(
        self, progress: Callable[[int], None] | None = None, batch: int = BATCH, upto: int | None = None
    ) -> int:
        """Post and write everything the journal has, or at least as far as ``upto``; the number of events posted."""
        if self._failed:
            self._begin()
        self.write()
        total = 0
        while (upto is None or self.position < upto) and (
            entries := self._journal.read(self.tenant, self.position, batch)
        ):
            self.post(entries)
            total += len(entries)
            if progress is not None:
                progress(len(entries))
        return total

    def post(self, entries: Sequence[Entry]) -> None:
        """Post the next entries of the journal, write them, and move the checkpoint behind them."""
        self._post(entries)
        self.write()

    def look_ahead(self, upto: int) -> None:
        """Post what the journal has up to a position, in memory only: ``recent`` tells it, ``write`` writes it."""
        if self._failed:
            self._begin()
        if entries := self._journal.read(self.tenant, self.position, upto - self.position):
            self._post(entries)

    def write(self) -> None:
        """Write what is posted only in memory."""
        if self._applied:
            self._failed = True
            self._write(self._applied, self._lines)
            self._failed = False
            last = self._applied[-1].entry
            self._applied, self._lines = [], []
            if self._recent is not None:
                self._recent.wrote(self.tenant, Cut(last.position, last.recorded_ms))
        self._ledger.trim()  # what is not written has to stay in memory

    @property
    def waiting(self) -> int:
        """How many events are not written yet."""
        return len(self._applied)

    def _post(self, entries: Sequence[Entry]) -> None:
        self._failed = True  # until all of it is, what is in memory is of no use
        self._fresh = set()
        applied, lines = post_entries(self._ledger, self._parked, entries)
        self._failed = False
        self._applied += applied
        self._lines += lines
        if self._recent is not None:
            self._recent.posted(self.tenant, self.position, applied, lines, frozenset(self._fresh))
        self.position = entries[-1].position

    def _write(self, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        """Into the store, and the checkpoint behind it. What is raised here stops the batch."""
        self._store.write(self.tenant, applied, lines)

    def retry_parked(self) -> tuple[int, int]:
        """Try parked events again, at their own positions; how many went through and how many stay."""
        self.write()
        parked = [entry for entry, _, _ in self._store.parked(self.tenant)]
        if not parked:
            return 0, 0
        for key in self._parked:
            self._ledger.forget(key)
        still: set[Key] = set()
        applied, lines = post_entries(self._ledger, still, parked)
        done = [each for each in applied if not each.parked]
        if done:
            self._store.unpark(self.tenant, done, lines)
            if self._recent is not None:
                self._recent.forget(self.tenant)
        self._parked = still
        return len(done), len(parked) - len(done)

    def _load(self, keys: Sequence[Key]) -> dict[Key, list[Fact]]:
        found = self._store.histories(self.tenant, keys)
        self._fresh.update(key for key in keys if key not in found)
        return {key: [read(entry) for entry in entries] for key, entries in found.items()}

    def _locate(self, identity: Identity, before: int) -> Fact | None:
        entry = self._journal.find(self.tenant, *identity)
        if entry is None or entry.position >= before or entry.type not in BY_TYPE:
            return None
        return read(entry)


def voided_before(journal: Journal, tenant: str, position: int, waiting: Container[int] = ()) -> set[Identity]:
    """The identities that were voided up to a position, but for voidings that are parked themselves."""
    entries = journal.of_type(tenant, [EventVoided.TYPE], position)
    facts = [read(entry) for entry in entries if entry.position not in waiting]
    return {(fact.data.source, fact.data.id) for fact in facts if isinstance(fact.data, EventVoided)}


@cache
def kind_of(type_: str) -> str:
    """The book an event belongs to; a type this version does not know has a book of that name."""
    event = BY_TYPE.get(type_)
    return event.KIND if event else type_


def post_entries(ledger: Ledger, parked: set[Key], entries: Sequence[Entry]) -> tuple[list[Applied], list[Line]]:
    """What came of each entry, and all lines. ``parked`` entities grow by those that could not be posted."""
    keys = [(kind_of(entry.type), entry.subject) for entry in entries]
    ledger.prefetch(keys)
    applied: list[Applied] = []
    lines: list[Line] = []
    for entry, own in zip(entries, keys, strict=True):
        key, reason = own, ""
        try:
            fact = read(entry)
            if type(fact.data) is EventVoided:
                key = ledger.about(fact)
            if key in parked:
                reason = f"waits behind an earlier parked event of {key[0]} {key[1]}"
            else:
                lines += ledger.post(fact)
        except (Unpostable, UnknownEvent) as error:
            parked.add(key)
            reason = str(error) or type(error).__name__
        applied.append(Applied(entry, own[0], reason))
    return applied, lines


def parked_keys(store: Store, tenant: str, journal: Journal) -> set[Key]:
    """The entities whose events wait: those of parked events, and those that parked voidings are about."""
    found: set[Key] = set()
    for entry, book, _ in store.parked(tenant):
        key = book, entry.subject
        if entry.type == EventVoided.TYPE:
            void = read(entry).data
            assert isinstance(void, EventVoided)
            target = journal.find(tenant, void.source, void.id)
            key = (kind_of(target.type), target.subject) if target is not None else key
        found.add(key)
    return found
