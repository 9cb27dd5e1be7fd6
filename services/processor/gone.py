"""Where the events lie of entities that a helper has let go: of a long history more than fit into memory."""

import sqlite3
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from projections.ledger import Key
from services.closing import Closing
from services.journal.intake import as_json

RECENT: Final = 50_000
"""So many entities are held in memory before they go to a file."""
CACHE_KIB: Final = 8192
"""So much of the file is held in memory."""
_SCHEMA: Final = (
    "CREATE TABLE gone (kind TEXT, entity TEXT, positions BLOB NOT NULL, PRIMARY KEY (kind, entity)) WITHOUT ROWID"
)
_TAKE: Final = """
    DELETE FROM gone WHERE (kind, entity) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))
    RETURNING kind, entity, positions"""
_KNOWN: Final = (
    "SELECT kind, entity FROM gone WHERE (kind, entity) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
)


class Gone(Closing):
    """The positions of entities' events. The older ones are in a temporary file of SQLite's own, which ends with it."""

    def __init__(self, recent: int = RECENT) -> None:
        self._most: Final = recent
        self._recent: dict[Key, array[int]] = {}
        self._filed = 0
        self._db: Final = sqlite3.connect("", isolation_level=None)
        for statement in ("PRAGMA journal_mode = OFF", f"PRAGMA cache_size = -{CACHE_KIB}", _SCHEMA):
            self._db.execute(statement)

    def put(self, gone: Mapping[Key, Iterable[int]]) -> None:
        """Keep the positions of these entities, which are not here."""
        self._recent.update((key, array("Q", positions)) for key, positions in gone.items())
        if len(self._recent) > self._most:
            self._db.execute("BEGIN")
            rows = ((*key, positions.tobytes()) for key, positions in self._recent.items())
            self._db.executemany("INSERT INTO gone VALUES (?, ?, ?)", rows)
            self._db.execute("COMMIT")
            self._filed += len(self._recent)
            self._recent = {}

    def take(self, keys: Sequence[Key]) -> dict[Key, list[int]]:
        """The positions of those of these entities that are here. They are here no more."""
        found = {key: positions.tolist() for key in keys if (positions := self._recent.pop(key, None)) is not None}
        if self._filed:
            for kind, entity, raw in self._db.execute(_TAKE, [as_json([key for key in keys if key not in found])]):
                found[kind, entity] = array("Q", raw).tolist()
                self._filed -= 1
        return found

    def known(self, keys: Collection[Key]) -> set[Key]:
        """Those of these entities that are here."""
        found = {key for key in keys if key in self._recent}
        if self._filed:
            found.update(self._db.execute(_KNOWN, [as_json([key for key in keys if key not in found])]))
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
