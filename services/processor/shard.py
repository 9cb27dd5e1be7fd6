"""A helper process: posts the entities of its shard and hands back finished Arrow columns.

It holds no engine, and loads nothing that it does not need, for it is started anew for each long stretch.
"""

import gc
import signal
import sys
from collections.abc import Container, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from operator import attrgetter
from pathlib import Path
from typing import Final

import pyarrow as pa

from events.codec import read
from events.corrections import EventVoided
from events.envelope import Entry, Fact
from events.rows import rows_of
from events.vocabulary import BY_TYPE
from projections.books.shelf import PLAIN
from projections.ledger import Identity, Key, Ledger
from services.journal.sqlite import SqliteJournal
from services.processor.gone import Gone
from services.processor.poster import post_entries, voided_before
from services.store.columns import PlainLines, history_table, postings_table

_READERS: Final = {type_: rows_of(rule.event, rule.fields()) for type_, rule in PLAIN.items()}
"""Readers of the events that are posted as columns."""


def help_posting(
    pipe: Connection, orders: Connection, shard: int, count: int, path: Path, tenant: str, start: int, keep: int,
    parked: set[Key], waiting: set[int],
) -> None:  # fmt: skip
    """A helper's whole life: post its shard of each range and send the tables, until the orders end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it ends it
    sys.meta_path.insert(0, _WithoutPandas)
    gc.disable()  # facts and lines hold no cycles, and the collector would walk all of them again and again
    with SqliteJournal(path, read_only=True) as journal, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        mine = _Shard(journal, tenant, shard, count)
        histories = _Histories(pipe, journal, tenant, start)
        voided = voided_before(journal, tenant, start, waiting)
        ledger = Ledger(load=histories.load, locate=mine.locate, voided=voided, keep=keep)
        while True:
            low, high = orders.recv()
            entries, voidings = mine.entries(low, high)
            for identity in voidings:
                ledger.void_ahead(identity)
            plain, others = as_columns(ledger, parked, entries)
            applied, lines = post_entries(ledger, parked, others)
            history = history_table(tenant, applied, plain) if applied or plain else None
            postings = postings_table(tenant, lines, plain) if lines or plain else None
            pipe.send(("posted", (_bytes(history), _bytes(postings))))
            histories.let_go(ledger.trim())


class _WithoutPandas:
    """Says that there is no pandas. Arrow would load it for its first array, to ask whether it was given a Series, and
    that takes longer than all else that a helper does to begin."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """The other finders are asked for everything else."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def as_columns(
    ledger: Ledger, parked: Container[Key], entries: Sequence[Entry]
) -> tuple[list[PlainLines], list[Entry]]:
    """The entries that can be posted as columns, by their rules, and the others in their order.

    An event that is voided already, waits behind a parked one or is of another version is among the others. Events that
    are voided by a later one count as told, and so they may be posted before it.
    """
    others: list[Entry] = []
    candidates: dict[str, list[Entry]] = {type_: [] for type_ in PLAIN}
    for entry in entries:
        candidates.get(entry.type, others).append(entry)
    found = []
    for type_, rule in PLAIN.items():
        rows = _READERS[type_](candidates[type_])
        told = list(zip(candidates[type_], rows, strict=True))
        odd = {entry.subject for entry, row in told if row is None}
        kind = rule.event.KIND
        clean = [
            (entry, row)
            for entry, row in told
            if entry.subject not in odd
            and (kind, entry.subject) not in parked
            and not ledger.is_voided((entry.source, entry.id))
        ]
        if len(clean) < len(told):
            taken = {entry.position for entry, _ in clean}
            others += [entry for entry in candidates[type_] if entry.position not in taken]
        if clean:
            found.append(PlainLines(rule, *zip(*clean, strict=True)))
    return found, sorted(others, key=attrgetter("position"))


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

    def entries(self, low: int, high: int) -> tuple[list[Entry], list[Identity]]:
        """This helper's entries above ``low`` up to ``high``, and identities that are voided before they are told."""
        mine: list[Entry] = []
        ahead: list[Identity] = []
        for entry in self._journal.read_shard(self._tenant, low, high, self._shard, self._count):
            about = entry.subject
            if entry.type == EventVoided.TYPE:
                void = read(entry).data
                assert isinstance(void, EventVoided)
                target = self._find((void.source, void.id), entry.position)
                about = target.subject if target is not None else about
                if target is None:
                    ahead.append((void.source, void.id))
            if self._is_mine(about):
                mine.append(entry)
        return mine, ahead

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
