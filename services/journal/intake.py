"""A batch on its way into the journal's file: what becomes of each event, and all rows of it written at once."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from services.journal.port import Content, Refused, Verdict, conflict, same

PLACE_BITS: Final = 40
LAST: Final = (1 << PLACE_BITS) - 1
"""The highest position; also the mask that takes it out of a place."""


class _Standing(msgspec.Struct):
    """Where a tenant stands while a batch is taken in."""

    number: int
    position: int
    recorded_ms: int
    told: int
    duplicates: int
    refused: int


class Intake:
    """A batch on its way into the journal, within its transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._standings: dict[str, _Standing] = {}
        self._known: dict[tuple[str, str, str], tuple[int, bytes]] = {}
        """Identity to position and digest of what stands."""
        self._entries: list[tuple[Any, ...]] = []
        self._letters: list[tuple[Any, ...]] = []

    def look_up(self, batch: Sequence[Content]) -> None:
        """Learns, with one query per source, which identities stand already."""
        asked: dict[tuple[str, str], list[str]] = {}
        for told in batch:
            asked.setdefault((told.tenant, told.source), []).append(told.id)
        sql = (
            f"SELECT id, place & {LAST}, digest FROM entries INDEXED BY identity "
            "WHERE tenant = ? AND source = ? AND id IN (SELECT value FROM json_each(?))"
        )
        for (tenant, source), ids in asked.items():
            for id_, position, digest in self._db.execute(sql, (self._standing(tenant).number, source, as_json(ids))):
                self._known[tenant, source, id_] = (position, digest)

    def take(self, told: Content, now_ms: int) -> Verdict:
        """Decides what becomes of an event that was looked up."""
        standing = self._standing(told.tenant)
        identity = (told.tenant, told.source, told.id)
        first = self._known.get(identity)
        if first is None:
            standing.told += 1
            standing.position += 1
            self._known[identity] = (standing.position, told.digest)
            self._enter(told, standing, now_ms)
            return Verdict("accepted", standing.position)
        position, digest = first
        if not same(digest, told):
            self.refuse(conflict(told, position), now_ms)
            return Verdict("conflict", position)
        standing.told += 1
        standing.duplicates += 1
        return Verdict("duplicate", position)

    def _enter(self, told: Content, standing: _Standing, now_ms: int) -> None:
        asked = now_ms if told.recorded_ms is None else told.recorded_ms
        standing.recorded_ms = max(asked, standing.recorded_ms)
        place = standing.number << PLACE_BITS | standing.position
        where = (place, standing.number, standing.recorded_ms)
        self._entries.append(
            (*where, told.source, told.id, told.type, told.at_ms, told.subject, told.digest, told.body)
        )

    def refuse(self, refusal: Refused, now_ms: int) -> None:
        """Makes a dead letter."""
        standing = self._standing(refusal.tenant)
        standing.told += 1
        standing.refused += 1
        place = standing.number << PLACE_BITS | standing.refused
        why = (refusal.reason, refusal.field)
        recorded_ms = now_ms if refusal.recorded_ms is None else refusal.recorded_ms
        self._letters.append((place, recorded_ms, *why, refusal.body, refusal.origin, refusal.source, refusal.id))

    def _standing(self, tenant: str) -> _Standing:
        standing = self._standings.get(tenant)
        if standing is None:
            self._db.execute("INSERT OR IGNORE INTO tenants (name) VALUES (?)", (tenant,))
            columns = "number, position, recorded_ms, told, duplicates, refused"
            row = self._db.execute(f"SELECT {columns} FROM tenants WHERE name = ?", (tenant,)).fetchone()
            standing = self._standings[tenant] = _Standing(*row)
        return standing

    def letters(self, tenant: str) -> int:
        """How many refusals a tenant has, with those of this batch."""
        return self._standing(tenant).refused

    def write(self) -> None:
        """Puts everything into the file."""
        self._db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._entries)
        self._db.executemany("INSERT INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", self._letters)
        self._db.executemany(
            "UPDATE tenants SET position = ?, recorded_ms = ?, told = ?, duplicates = ?, refused = ? WHERE number = ?",
            [(s.position, s.recorded_ms, s.told, s.duplicates, s.refused, s.number) for s in self._standings.values()],
        )


def as_json(value: object) -> str:
    """A value as SQLite's JSON functions take it."""
    return msgspec.json.encode(value).decode()
