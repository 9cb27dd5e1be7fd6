"""Asking the books beside everything else: one question at a time, in a thread of its own."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from services.books import Books
from services.journal.port import Cut
from services.settings import Settings
from services.store.clickhouse import ClickHouseStore

Answer = TypeVar("Answer")


class _Beside:
    """A store as one may read it while another thread writes: nothing is remembered."""

    def __init__(self, store: ClickHouseStore) -> None:
        self._store = store

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._store.query(sql, parameters)

    def checkpoint(self, tenant: str) -> Cut:
        return self._store.read_checkpoint(tenant)


class Reader:
    """Asks the books of a store on behalf of many."""

    def __init__(self, store: ClickHouseStore, settings: Settings) -> None:
        self._store = _Beside(store)
        self._settings = settings
        self._books: dict[str | None, Books] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")

    async def ask(self, tenant: str | None, work: Callable[[Books], Answer]) -> Answer:
        """What ``work`` finds in the books of a tenant; None: the one of the settings."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, tenant, work)

    def _ask(self, tenant: str | None, work: Callable[[Books], Answer]) -> Answer:
        if tenant not in self._books:
            self._books[tenant] = Books(self._store, tenant or self._settings.tenant, self._settings)
        return work(self._books[tenant])

    def close(self) -> None:
        """Let go of the thread, once it has answered."""
        self._thread.shutdown(cancel_futures=True)
