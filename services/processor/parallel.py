"""Posting a long stretch of journal on all cores.

Each helper process posts the entities of its shard and hands back finished Arrow columns; this process writes them,
range by range, and answers the helpers' questions for histories from before they began. Which process posts an entity
changes nothing about its lines, so the ledger is the same to the bit however many there are.
"""

import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from events.codec import read
from events.corrections import EventVoided
from events.envelope import Entry, Fact
from events.vocabulary import BY_TYPE
from projections.ledger import Identity, Key, Ledger
from services.journal.port import Cut
from services.journal.sqlite import SqliteJournal
from services.processor.poster import parked_keys, post_entries, voided_before
from services.store.clickhouse import ClickHouseStore
from services.store.columns import history_table, postings_table

RANGE: Final = 20_000
"""Positions that are posted and written in one go."""


class HelperFailed(Exception):
    """A helper process ended before its work did."""


def post_parallel(
    tenant: str,
    journal_path: Path,
    store: ClickHouseStore,
    *,
    workers: int = 2,
    keep: int = 200_000,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Post from the store's checkpoint to the journal's head with ``workers`` processes; the number of events.

    Raises HelperFailed where one of them dies; what was written up to then stands, and a next call goes on from it.
    """
    with ParallelPoster(tenant, journal_path, store, workers=workers, keep=keep, progress=progress) as poster:
        poster.feed()
        return poster.finish()


class ParallelPoster:
    """Posts a tenant's journal with helper processes, also while it grows. A context manager.

    What they finish is written by a thread, for the engine works while Python goes on.
    """

    def __init__(
        self,
        tenant: str,
        journal_path: Path,
        store: ClickHouseStore,
        *,
        workers: int = 1,
        keep: int = 200_000,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._tenant = tenant
        self._store = store
        self._progress = progress
        store.recover(tenant)
        self._start: Final = store.checkpoint(tenant).position
        self._fed = self._start
        self._journal = SqliteJournal(journal_path, read_only=True)
        parked = parked_keys(store, tenant, self._journal)
        waiting = {entry.position for entry, _, _ in store.parked(tenant)}
        self._crew = _Crew(workers, (journal_path, tenant, self._start, keep // workers, parked, waiting))
        self._desk = _Desk(tenant, self._crew.pipes, store)
        self._cuts: SimpleQueue[Cut | None] = SimpleQueue()
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writing")
        self._writing = self._thread.submit(self._write_all)

    def feed(self, at_least: int = 1) -> None:
        """Hand what the journal has gained to the helpers, once that is ``at_least`` so many events."""
        if self._writing.done():
            self._writing.result()
        head = self._journal.head(self._tenant).position
        if head - self._fed < at_least:
            return
        for low in range(self._fed, head, RANGE):
            high = min(low + RANGE, head)
            self._crew.hand_out((low, high))
            self._cuts.put(Cut(high, self._journal.recorded_at(self._tenant, high) or 0))
        self._fed = head

    def finish(self) -> int:
        """Wait until all that was fed is written; the number of events. Nothing can be fed after it."""
        self._cuts.put(None)
        self._writing.result()
        return self._fed - self._start

    def _write_all(self) -> None:
        """The life of the writing thread."""
        while not self._closing and (cut := self._cuts.get()) is not None:
            self._write(cut)
        if not self._closing and self._fed - self._start >= RANGE:
            self._store.tidy()

    def _write(self, cut: Cut) -> None:
        tables = [self._desk.next_tables(pipe) for pipe in self._crew.pipes]
        history = [history for history, _ in tables if history is not None]
        self._store.write_tables(self._tenant, history, [lines for _, lines in tables if lines is not None], cut)
        if self._progress is not None:
            self._progress(sum(table.num_rows for table in history))

    def close(self) -> None:
        """End the helpers."""
        self._closing = True
        self._cuts.put(None)
        self._crew.end()
        self._thread.shutdown()
        self._crew.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _helpers_live() -> Iterator[None]:
    """A pipe that is broken or at its end is a helper that died."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise HelperFailed("a helper process ended early; run the command again") from error


class _Desk:
    """Receives what the helpers send: finished tables, and questions for what the store had before they began."""

    def __init__(self, tenant: str, helpers: Sequence[Connection], store: ClickHouseStore) -> None:
        self._tenant = tenant
        self._store = store
        self._finished: dict[Connection, deque[tuple[bytes | None, bytes | None]]] = {pipe: deque() for pipe in helpers}

    def next_tables(self, wanted: Connection) -> tuple[pa.Table | None, pa.Table | None]:
        """History and postings of the next range of one helper; None where it had nothing."""
        while not self._finished[wanted]:
            self._receive()
        history, lines = self._finished[wanted].popleft()
        return _table(history), _table(lines)

    def _receive(self) -> None:
        for pipe in wait(list(self._finished)):
            assert isinstance(pipe, Connection)
            with _helpers_live():
                kind, told = pipe.recv()
                if kind == "load":
                    pipe.send(self._store.histories(self._tenant, told))
                else:
                    self._finished[pipe].append(told)


class _Crew:
    """The helper processes, each at the end of two pipes. Spawned, for the engine does not survive a fork."""

    def __init__(self, count: int, task: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes: Final[list[Connection]] = []
        self._orders: Final[list[Connection]] = []
        self._processes: Final[list[BaseProcess]] = []
        for shard in range(count):
            ours, theirs = context.Pipe()
            taken, given = context.Pipe(duplex=False)
            process = context.Process(target=_help, args=(theirs, taken, shard, count, *task), daemon=True)
            process.start()
            theirs.close()
            taken.close()
            self.pipes.append(ours)
            self._orders.append(given)
            self._processes.append(process)

    def hand_out(self, stretch: tuple[int, int]) -> None:
        """Tell every helper the next range: above the first position, up to the second."""
        with _helpers_live():
            for order in self._orders:
                order.send(stretch)

    def end(self) -> None:
        """End them all; who waits for one of them finds its pipe at an end."""
        for process in self._processes:
            process.terminate()
            process.join()

    def close(self) -> None:
        """Close the pipes. No one may wait at them any more."""
        for pipe in [*self.pipes, *self._orders]:
            pipe.close()


def _help(
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
            entries, voidings = mine.entries(low, high)
            for identity in voidings:
                ledger.void_ahead(identity)
            applied, lines = post_entries(ledger, parked, entries)
            history = _bytes(history_table(tenant, applied)) if applied else None
            pipe.send(("posted", (history, _bytes(postings_table(tenant, lines)) if lines else None)))
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
        self._gone: dict[Key, list[int]] = {}

    def let_go(self, gone: dict[Key, list[int]]) -> None:
        """The helper holds these no more."""
        self._gone |= gone

    def load(self, keys: Sequence[Key]) -> dict[Key, list[Fact]]:
        """The histories of these entities below the range that is being posted."""
        found: dict[Key, list[Entry]] = {}
        unknown = [key for key in keys if key not in self._gone] if self._start else []
        if unknown:
            self._pipe.send(("load", unknown))
            found = self._pipe.recv()
        for key in keys:
            if positions := self._gone.pop(key, None):
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


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _table(raw: bytes | None) -> pa.Table | None:
    return None if raw is None else pa.ipc.open_stream(raw).read_all()
