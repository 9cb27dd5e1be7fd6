"""Posting a long stretch of journal on all cores.

Each helper process posts the entities of its shard and hands back finished Arrow columns; this process writes them,
range by range, and answers the helpers' questions for histories from before they began. Which process posts an entity
changes nothing about its lines, so the ledger is the same to the bit however many there are.
"""

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import pyarrow as pa

from services.closing import Closing
from services.journal.port import Cut
from services.journal.sqlite import SqliteJournal
from services.processor.poster import parked_keys
from services.processor.shard import help_posting
from services.store.clickhouse import ClickHouseStore

RANGE: Final = 10_000
"""Positions that are posted in one go."""
BLOCK: Final = 4 * RANGE
"""Events that are written in one go, where so many are there: of half as many, writing and merging take a sixth longer,
and more memory."""
MANY: Final = 50
"""So many blocks are merged at once, which takes memory for each; what is left in the end is, too."""
AHEAD: Final = 3
"""Ranges that a helper may be ahead of the slowest one: the rest waits in it, and not here."""
PAUSE_S: Final = 1.0
"""So long may what is posted wait for more before it is written."""
NICENESS: Final = 10
"""Of helpers that give way: a core that is wanted goes nearly all to who wants it."""
REST: Final = 1.0
"""Who gives way rests after a block for this share of the time it took to write: the engine is one for all."""


class HelperFailed(Exception):
    """A helper process ended before its work did."""


def post_parallel(
    tenant: str,
    journal_path: Path,
    store: ClickHouseStore,
    *,
    workers: int = 2,
    keep: int = 100_000,
    progress: Callable[[int], None] | None = None,
    give_way: bool = False,
) -> int:
    """Post from the store's checkpoint to the journal's head with ``workers`` processes; the number of events.

    ``give_way``: to whoever else needs a core of this machine.

    Raises HelperFailed where one of them dies; what was written up to then stands, and a next call goes on from it.
    """
    with ParallelPoster(tenant, journal_path, store, workers=workers, keep=keep, progress=progress) as poster:
        if give_way:
            poster.give_way()
        poster.feed()
        return poster.finish()


class ParallelPoster(Closing):
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
        keep: int = 100_000,
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
        self._rest = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writing")
        self._writing = self._thread.submit(self._write_all)

    def give_way(self) -> None:
        """Let the helpers work where nobody else needs a core, and the engine answer others between two blocks."""
        self._crew.lower(NICENESS)
        self._rest = REST

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
        self._crew.end()  # merging takes memory of its own
        # Where little has come to much, it is not worth writing all of it again.
        if self._fed - self._start >= max(RANGE, self._start // 4):
            self._store.tidy()
        return self._fed - self._start

    def _write_all(self) -> None:
        """The life of the writing thread."""
        self._store.merge(MANY)
        try:
            self._write_blocks()
        finally:
            self._store.merge()

    def _write_blocks(self) -> None:
        block = _Block()
        while not self._closing and (cut := self._next_cut(block)) is not None:
            block.take(cut, [self._desk.next_tables(pipe) for pipe in self._crew.pipes])
            if block.events >= BLOCK:
                self._write(block)
        if not self._closing:
            self._write(block)

    def _next_cut(self, block: "_Block") -> Cut | None:
        """The next range that was fed. What was finished before is written where nothing is fed for a while."""
        with suppress(Empty):
            return self._cuts.get(timeout=PAUSE_S)
        self._write(block)
        return self._cuts.get()

    def _write(self, block: "_Block") -> None:
        cut, events = block.cut, block.events
        if cut is None:
            return
        start = time.monotonic()
        self._store.write_tables(self._tenant, *block.emptied(), cut)
        time.sleep(self._rest * (time.monotonic() - start))
        if self._progress is not None:
            self._progress(events)

    def close(self) -> None:
        """End the helpers."""
        self._closing = True
        self._cuts.put(None)
        self._crew.end()
        self._thread.shutdown()
        self._crew.close()
        self._journal.close()


@contextmanager
def _helpers_live() -> Iterator[None]:
    """A pipe that is broken or at its end is a helper that died."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise HelperFailed("a helper process ended early; run the command again") from error


class _Block:
    """Finished ranges that are written together: few large parts cost the engine less than many small ones."""

    def __init__(self) -> None:
        self.history: list[pa.Table] = []
        self.postings: list[pa.Table] = []
        self.cut: Cut | None = None
        """How far it goes; None: nothing is in it."""
        self.events = 0

    def emptied(self) -> tuple[list[pa.Table], list[pa.Table]]:
        """All rows of history and of postings, in one table each. The next block begins; nothing is held twice."""
        taken = _joined(self.history), _joined(self.postings)
        self.history, self.postings, self.cut, self.events = [], [], None, 0
        return taken

    def take(self, cut: Cut, tables: Sequence[tuple[pa.Table | None, pa.Table | None]]) -> None:
        """One more range, up to ``cut``: history and postings of each helper."""
        self.history += [history for history, _ in tables if history is not None]
        self.postings += [postings for _, postings in tables if postings is not None]
        self.cut = cut
        self.events = sum(table.num_rows for table in self.history)


class _Desk:
    """Receives what the helpers send: finished tables, and questions for what the store had before they began."""

    def __init__(self, tenant: str, helpers: Sequence[Connection], store: ClickHouseStore) -> None:
        self._tenant = tenant
        self._store = store
        self._finished: dict[Connection, deque[tuple[bytes | None, bytes | None]]] = {pipe: deque() for pipe in helpers}

    def next_tables(self, wanted: Connection) -> tuple[pa.Table | None, pa.Table | None]:
        """History and postings of the next range of one helper; None where it had nothing."""
        while not self._finished[wanted]:
            self._receive([pipe for pipe, kept in self._finished.items() if pipe is wanted or len(kept) < AHEAD])
        history, lines = self._finished[wanted].popleft()
        return _table(history), _table(lines)

    def _receive(self, pipes: Sequence[Connection]) -> None:
        for pipe in wait(pipes):
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
            process = context.Process(target=help_posting, args=(theirs, taken, shard, count, *task), daemon=True)
            process.start()
            theirs.close()
            taken.close()
            self.pipes.append(ours)
            self._orders.append(given)
            self._processes.append(process)

    def lower(self, niceness: int) -> None:
        """Lower their priority, as nice(1) does. One that has ended is found out later."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid or 0, niceness)

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


def _table(raw: bytes | None) -> pa.Table | None:
    return None if raw is None else pa.ipc.open_stream(raw).read_all()


def _joined(tables: list[pa.Table]) -> list[pa.Table]:
    """All rows in one table in one piece; none where there are none."""
    return [pa.concat_tables(tables).unify_dictionaries().combine_chunks()] if tables else []
