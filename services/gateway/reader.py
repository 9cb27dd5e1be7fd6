"""Asking the books beside everything else: one question at a time, in a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from events.envelope import Entry
from services.books import Books, as_it_is
from services.news import Recent
from services.settings import Settings
from services.store.beside import Beside

Answer = TypeVar("Answer")


class Reader:
    """Asks the books of a store on behalf of many."""

    def __init__(
        self, store: Beside, settings: Settings, past: str | None = None, opened: Callable[[Entry], Entry] = as_it_is,
        recent: Recent | None = None,
    ) -> None:  # fmt: skip
        """``opened`` and ``recent``: as in Books."""
        self._recent = recent
        self._opened = opened
        self._store = store
        self._past = past
        self._settings = settings
        self._books: dict[str | None, Books] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")

    async def ask(self, tenant: str | None, work: Callable[[Books], Answer]) -> Answer:
        """What ``work`` finds in the books of a tenant; None: the one of the settings."""
        return await asyncio.wrap_future(self.soon(tenant, work))

    def soon(self, tenant: str | None, work: Callable[[Books], Answer]) -> Future[Answer]:
        """The same, for who does not wait for it in the event loop."""
        return self._thread.submit(self._ask, tenant, work)

    def _ask(self, tenant: str | None, work: Callable[[Books], Answer]) -> Answer:
        """Of one set of tables, also while a rebuild exchanges them; what was remembered of another is forgotten."""

        def asked(tables: str) -> Answer:
            if tenant not in self._books or self._books[tenant].tables != tables:
                told = tenant or self._settings.tenant, self._settings
                self._books[tenant] = Books(self._store, *told, tables, self._past, self._opened, self._recent)
            return work(self._books[tenant])

        return self._store.whole(asked)

    def close(self) -> None:
        """Let go of the thread, once it has answered."""
        self._thread.shutdown(cancel_futures=True)
