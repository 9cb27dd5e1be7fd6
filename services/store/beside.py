"""A store, read by one thread while another writes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from events.envelope import Entry
from projections.ledger import Key
from services.journal.port import Cut
from services.store.clickhouse import ClickHouseStore


class Beside:
    """What a store has, as it stands in it: nothing that the writing thread remembers is looked at or changed."""

    def __init__(self, store: ClickHouseStore) -> None:
        self._store = store

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a SELECT with bound parameters."""
        return self._store.query(sql, parameters)

    def checkpoint(self, tenant: str) -> Cut:
        """How far the tenant's ledger goes; (0, 0) where there is none."""
        return self._store.read_checkpoint(tenant)

    def histories(self, tenant: str, keys: Sequence[Key]) -> dict[Key, list[Entry]]:
        """The applied events of these entities, by entity, in order of position."""
        return self._store.histories(tenant, keys)
