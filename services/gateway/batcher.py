"""Group commit: what several tell at the same moment goes into the journal in one transaction.

Nobody waits for company: while one transaction is written, what arrives is the next.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from services.clock import now_ms
from services.gateway.problems import unavailable
from services.ingest import Ingest, Outcome, Telling
from services.journal.port import JournalError

_LOG: Final = logging.getLogger(__name__)
GROUP: Final = 2_000
"""Events of a transaction, from which on it takes no further telling."""
FORGET_S: Final = 10
"""How long a journal that failed is called failing, if nobody tells anything."""
MAX_WAITING: Final = 50_000
"""Events that may wait; more are turned away."""

_Waiting = tuple[Telling, asyncio.Future[list[Outcome]]]


class Batcher:
    """Takes tellings from one event loop to the journal, on a thread of its own.

    ``committed`` hears of each transaction, on that loop: its events and how long it took, in seconds.
    """

    def __init__(self, ingest: Ingest, committed: Callable[[int, float], None]) -> None:
        self._ingest = ingest
        self._committed = committed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[_Waiting] = []
        self._events = 0
        self._draining: asyncio.Task[None] | None = None
        self._failed_s: float | None = None

    @property
    def failing(self) -> bool:
        """Whether the journal failed when it was last written, not long ago: after a while it has to be tried again."""
        return self._failed_s is not None and time.monotonic() - self._failed_s < FORGET_S

    async def tell(self, telling: Telling) -> list[Outcome]:
        """What became of each event, once the journal has it. Raises Problem 503 where it cannot have it."""
        if self._events + len(telling.events) > MAX_WAITING:
            raise unavailable("too much is being told at once; try again")
        loop = asyncio.get_running_loop()
        told: asyncio.Future[list[Outcome]] = loop.create_future()
        self._waiting.append((telling, told))
        self._events += len(telling.events)
        if self._draining is None:
            self._draining = loop.create_task(self._drain())
        try:
            return await told
        except JournalError as error:
            raise unavailable("the journal cannot be written now, and nothing was taken; try again") from error

    async def _drain(self) -> None:
        while self._waiting:
            group = self._next_group()
            await self._commit(group)
        self._draining = None

    def _next_group(self) -> Sequence[_Waiting]:
        events, count = 0, 0
        for telling, _ in self._waiting:
            if count and events + len(telling.events) > GROUP:
                break
            events += len(telling.events)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        self._events -= events
        return group

    async def _commit(self, group: Sequence[_Waiting]) -> None:
        """Write one group, and tell everybody in it what became of theirs, or what went wrong."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        written = loop.run_in_executor(self._thread, self._write, [telling for telling, _ in group])
        await asyncio.wait([written])
        problem = written.exception()
        if problem is None:
            self._failed_s = None
            self._committed(sum(len(telling.events) for telling, _ in group), loop.time() - start)
            for (_, told), outcomes in zip(group, written.result(), strict=True):
                if not told.done():
                    told.set_result(outcomes)
        elif isinstance(problem, JournalError) or len(group) == 1:
            self._fail(group, problem)
        else:  # a mistake of ours that one of them brings out is not the others' affair
            for each in group:
                await self._commit([each])

    def _fail(self, group: Sequence[_Waiting], problem: BaseException) -> None:
        if isinstance(problem, JournalError):
            if not self.failing:
                _LOG.error("%s", problem)
            self._failed_s = time.monotonic()
        for _, told in group:
            if not told.done():
                told.set_exception(problem)

    def _write(self, tellings: Sequence[Telling]) -> list[list[Outcome]]:
        return self._ingest.tell_together(tellings, now_ms=now_ms())

    def close(self) -> None:
        """Wait for the transaction that is being written, and take no more."""
        self._thread.shutdown()
