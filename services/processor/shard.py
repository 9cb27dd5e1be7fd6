"""A helper process: posts the entities of its shard and hands back finished Arrow columns.

It holds no engine, and loads nothing that it does not need, for it is started anew for each long stretch.
"""

import gc
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import pyarrow as pa

from events.codec import read
from events.corrections import EventVoided
from events.envelope import Entry, Fact, Place
from events.vocabulary import BY_TYPE
from projections.books.shelf import ALONE
from projections.ledger import Identity, Key, Ledger
from services.journal.sqlite import SqliteJournal
from services.processor.gone import Gone
from services.processor.plain import as_columns
from services.processor.poster import kind_of, post_entries, voided_before
from services.store.columns import PlainLines, history_table, postings_table


def help_posting(
    pipe: Connection, orders: Connection, shard: int, count: int, path: Path, tenant: str, start: int, keep: int,
    parked: set[Key], waiting: set[int],
) -> None:  # fmt: skip
    """A helper's whole life: post its shard of each range and send the tables, until the orders end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it ends it
    gc.disable()  # facts and lines hold no cycles, and the collector would walk all of them again and again
    with SqliteJournal(path, read_only=True) as journal, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        mine = _Shard(journal, tenant, shard, count)
        histories = _Histories(pipe, journal, tenant, start)
        voided = voided_before(journal, tenant, start, waiting)
        ledger = Ledger(load=histories.load, locate=mine.locate, voided=voided, keep=keep)
        while True:
            low, high = orders.recv()
            places, voidings = mine.places(low, high)
            for identity in voidings:
                ledger.void_ahead(identity)
            plain, others = as_columns(ledger, parked, places, known=lambda keys: histories.known(keys, ledger))
            histories.opened(plain)
            applied, lines = post_entries(ledger, parked, [Entry(tenant, *place) for place in others])
            history = postings = None
            if places:
                reasons = {each.entry.position: each.parked for each in applied if each.parked}
                history = history_table(tenant, places, [kind_of(place[4]) for place in places], reasons)
            if lines or plain:
                postings = postings_table(tenant, lines, plain)
            pipe.send(("posted", (_bytes(history), _bytes(postings))))
            histories.let_go(ledger.trim())


class _Histories:
    """Histories that a helper does not hold.

    Those that it let go are in the journal, at positions that it knows. Those before the ``start`` of the run are asked
    for at the desk: nobody else posts these entities, so the store has no more of them than it had then.
    """

    def __init__(self, pipe: Connection, journal: SqliteJournal, tenant: str, start: int) -> None:
        self._pipe = pipe
        self._journal = journal
        self._tenant = tenant
        self._start = start
        self._gone: Final = Gone()

    def let_go(self, gone: dict[Key, list[int]]) -> None:
        """The helper holds these no more."""
        self._gone.put(gone)

    def known(self, keys: Iterable[Key], ledger: Ledger) -> set[Key]:
        """Those of these entities of which something was told before, or may have been, for all that is known here."""
        asked = set(keys)
        return asked if self._start else {key for key in asked if ledger.holds(key)} | self._gone.known(asked)

    def opened(self, plain: Iterable[PlainLines]) -> None:
        """What was posted as columns is not in the ledger's memory: it is loaded where more is told of its entity."""
        for lines in plain:
            kind = lines.rule.event.KIND
            if kind not in ALONE:
                self._gone.put({(kind, place[6]): (place[0],) for place in lines.places})

    def load(self, keys: Sequence[Key]) -> dict[Key, list[Fact]]:
        """The histories of these entities below the range that is being posted."""
        found: dict[Key, list[Entry]] = {}
        gone = self._gone.take(keys)
        unknown = [key for key in keys if key not in gone] if self._start else []
        if unknown:
            self._pipe.send(("load", unknown))
            found = self._pipe.recv()
        for key, positions in gone.items():
            found[key] = self._journal.entries(self._tenant, positions)
        return {key: [read(entry) for entry in entries] for key, entries in found.items()}


class _Shard:
    """The entries that one helper posts: those of its entities; a voiding belongs to the entity it is about."""

    def __init__(self, journal: SqliteJournal, tenant: str, shard: int, count: int) -> None:
        self._journal = journal
        self._tenant = tenant
        self._shard = shard
        self._count = count

    def places(self, low: int, high: int) -> tuple[list[Place], list[Identity]]:
        """This helper's entries above ``low`` up to ``high``, and identities that are voided before they are told."""
        found = self._journal.read_shard(self._tenant, low, high, self._shard, self._count)
        ahead: list[Identity] = []
        strangers = set()
        for place in [place for place in found if place[4] == EventVoided.TYPE]:
            void = read(Entry(self._tenant, *place)).data
            assert isinstance(void, EventVoided)
            target = self._find((void.source, void.id), place[0])
            if target is None:
                ahead.append((void.source, void.id))
            if not self._is_mine(target.subject if target is not None else place[6]):
                strangers.add(place[0])
        return [place for place in found if place[0] not in strangers] if strangers else found, ahead

    def locate(self, identity: Identity, before: int) -> Fact | None:
        """The event of an identity, where it lies before a position."""
        entry = self._find(identity, before)
        return read(entry) if entry is not None else None

    def _find(self, identity: Identity, before: int) -> Entry | None:
        entry = self._journal.find(self._tenant, *identity)
        return entry if entry is not None and entry.position < before and entry.type in BY_TYPE else None

    def _is_mine(self, entity: str) -> bool:
        return ord(entity[-1]) % self._count == self._shard


def _bytes(table: pa.Table | None) -> bytes | None:
    if table is None:
        return None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]
