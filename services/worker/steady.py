"""Work that goes on through outages: done in a thread of its own, tried again until it is done."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import random
from typing import Final

from services.journal.port import JournalError
from services.store.port import Fenced, StoreError
from services.worker.breaker import Tripped
from services.worker.circuits import FENCED_S, pause_s
from services.worker.logs import say

Kind = str


class Steady:
    """One stage of the worker. Its work is done one at a time, in the order in which it was asked for.

    ``failed`` is told each try that failed, by its kind.
    """

    def __init__(self, stage: str, longest_s: float, failed: Callable[[Kind], None]) -> None:
        self.stage: Final = stage
        self._longest_s = longest_s
        self._failed = failed
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix=stage)
        self._turn: Final = asyncio.Lock()
        self._rests: Final = asyncio.Event()
        self._rests.set()
        self._stopping: Final = asyncio.Event()
        self.bug: BaseException | None = None
        """A mistake of ours, which ends the worker."""
        self.trouble: Kind = ""
        """Why it waits: store, journal, fenced, breaker; empty: it does not."""

    async def do(self, work: Callable[[], None]) -> bool:
        """Do it, however often it takes; whether it is done. It is not where the worker stops first."""
        async with self._turn:
            tries = 0
            while not self._stopping.is_set() and self.bug is None:
                error = await self._once(work)
                if error is None:
                    self._well()
                    return True
                wait_s = self._judge(error, tries)
                tries += 1
                await self._wait(wait_s)
            return False

    async def _once(self, work: Callable[[], None]) -> BaseException | None:
        loop = asyncio.get_running_loop()
        self._rests.clear()
        running = self._thread.submit(work)
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(self._rests.set))
        done = asyncio.wrap_future(running)
        await asyncio.wait({done})
        return done.exception()

    def _judge(self, error: BaseException, tries: int) -> float:
        """How long to wait before the next try; a mistake of ours is none that time heals."""
        kinds: tuple[tuple[type[BaseException], Kind], ...]
        kinds = ((Tripped, "breaker"), (Fenced, "fenced"), (StoreError, "store"), (JournalError, "journal"))
        kind = next((name for of, name in kinds if isinstance(error, of)), "")
        if not kind:
            self.bug = error
            return 0.0
        self._failed(kind)
        if self.trouble != kind:
            say(logging.WARNING, "waits and tries again", stage=self.stage, trouble=kind, reason=str(error))
        self.trouble = kind
        if isinstance(error, Tripped):
            return error.wait_s
        return FENCED_S * (0.5 + random()) if kind == "fenced" else pause_s(tries, self._longest_s)

    def _well(self) -> None:
        if self.trouble:
            say(logging.INFO, "goes on", stage=self.stage, after=self.trouble)
        self.trouble = ""

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    @property
    def resting(self) -> bool:
        """Whether nothing runs."""
        return self._rests.is_set()

    async def rest(self, seconds: float) -> bool:
        """Wait until nothing runs, which may be between two tries; whether that was so in time."""
        try:
            await asyncio.wait_for(self._rests.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Start nothing any more; what runs is finished."""
        self._stopping.set()

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown()
