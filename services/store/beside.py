"""A store, read by one thread while another, or nobody here, writes it."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from events.envelope import Entry
from projections.ledger import Key
from services.journal.port import Cut
from services.store.clickhouse import ClickHouseStore


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

    def checkpoint(self, tenant: str) -> Cut:
        """How far the tenant's ledger goes; (0, 0) where there is none."""
        return self._store.read_checkpoint(tenant)

    def histories(self, tenant: str, keys: Sequence[Key]) -> dict[Key, list[Entry]]:
        """The applied events of these entities, by entity, in order of position."""
        return self._store.histories(tenant, keys)

    def close(self) -> None:
        """Let go of the store, where it was opened."""
        if self._opened is not None:
            self._opened.close()
