"""Posting a long stretch of journal on all cores.

Each helper process posts the entities of its shard and hands back finished Arrow columns; this process writes them,
range by range, and answers the helpers' questions for histories from before they began. Which process posts an entity
changes nothing about its lines, so the ledger is the same to the bit however many there are.
"""

import multiprocessing
import os
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

from services.journal.port import Cut
from services.journal.sqlite import SqliteJournal
from services.processor.helper import help_posting
from services.processor.poster import parked_keys
from services.store.clickhouse import ClickHouseStore

RANGE: Final = 20_000
"""Positions that are posted and written in one go."""
NICENESS: Final = 10
"""Of helpers that give way: a core that is wanted goes nearly all to who wants it."""


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

    def give_way(self) -> None:
        """Let the helpers work where nobody else needs a core."""
        self._crew.lower(NICENESS)

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
