"""A store, read by one thread while another, or nobody here, writes it."""

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final, TypeVar

from events.envelope import Entry
from projections.ledger import Key
from services.journal.port import Cut
from services.store.clickhouse import ClickHouseStore
from services.store.port import UNFINISHED, StoreError

Found = TypeVar("Found")
TRIES: Final = 100
PAUSE_S: Final = 0.05
"""How often, and how long apart, to look whether an exchange of tables is over: it takes milliseconds."""


class Beside:
    """What a store has, as it stands in it: nothing that the writing thread remembers is looked at or changed.

    ``open_store`` is asked for it at the first question, and again as long as it cannot be opened; who reads is told
    (StoreError). So a process that does not need it to start does start.
    """

    def __init__(self, open_store: Callable[[], ClickHouseStore]) -> None:
        self._open_store: Final = open_store
        self._opening = Lock()
        self._opened: ClickHouseStore | None = None

    @property
    def _store(self) -> ClickHouseStore:
        with self._opening:
            if self._opened is None:
                self._opened = self._open_store()
            return self._opened

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a SELECT with bound parameters."""
        return self._store.query(sql, parameters)

    def queries(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[tuple[Any, ...]]]:
        """The rows of each of several SELECTs, which may run at the same time."""
        return self._store.queries(asked)

    def checkpoint(self, tenant: str) -> Cut:
        """How far the tenant's ledger goes; (0, 0) where there is none."""
        return self._store.read_checkpoint(tenant)

    def histories(self, tenant: str, keys: Sequence[Key]) -> dict[Key, list[Entry]]:
        """The applied events of these entities, by entity, in order of position."""
        return self._store.histories(tenant, keys)

    def whole(self, work: Callable[[str], Found]) -> Found:
        """What ``work`` finds, all of it in one set of tables, also while a rebuild puts another in its place.

        It is told which set that is, in a word of its own, and begins anew where it was exchanged meanwhile.
        """
        for _ in range(TRIES):
            before = self._store.reading()
            if before is not None:
                try:
                    found = work(before)
                except StoreError:
                    if self._store.reading() == before:
                        raise
                else:
                    if self._store.reading() == before:
                        return found
            time.sleep(PAUSE_S)
        raise StoreError(f"the tables of the ledger are being exchanged; {UNFINISHED}")

    def close(self) -> None:
        """Let go of the store, where it was opened."""
        if self._opened is not None:
            self._opened.close()
