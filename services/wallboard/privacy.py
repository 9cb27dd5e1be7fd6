"""How people are shown: as settings, the company (``wall.defined``) and a board say; the strictest holds."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from events.codec import read
from events.vocabulary import BY_TYPE
from events.walls import NAMES, Names, WallDefined
from projections.books.shelf import order
from services.books import Books
from services.store.clickhouse import as_entry


class Privacy(msgspec.Struct, frozen=True):
    """How people are named, and how few are too few."""

    names: Names = "full"
    least: int = 1
    """Teams, regions and managers with fewer reps are not shown as groups of their own."""
    aliases: Mapping[str, str] = MappingProxyType({})
    """What reps are called where names are by alias."""

    def with_(self, other: "Privacy") -> "Privacy":
        """The stricter of both."""
        names = max(self.names, other.names, key=NAMES.index)
        return Privacy(names, max(self.least, other.least), {**self.aliases, **other.aliases})


class Stated:
    """What the company told, to the present: a look at the past names nobody whom the wall does not name now.

    It is read again only where something of it is new.
    """

    def __init__(self) -> None:
        self._read = -1
        self._privacy = Privacy()

    def now(self, books: Books) -> Privacy:
        """What holds now."""
        head = books.cut(None).position
        if head != self._read:
            news = books.news(self._read, head) if 0 <= self._read < head else None
            if news is None or not news.books.isdisjoint(_KINDS):
                self._privacy = _told(books, head)
            self._read = head
        return self._privacy


_KINDS: Final = frozenset({WallDefined.KIND, "voiding"})
"""Kinds of which a new event may change it."""


def _told(books: Books, head: int) -> Privacy:
    rows = books.query(
        "SELECT position, recorded_ms, source, id, type, at_ms, entity, body FROM {history} "
        "WHERE tenant = {tenant:String} AND book = 'wall' AND position <= {head:UInt64} AND parked = ''",
        {"tenant": books.tenant, "head": head},
    )
    entries = (as_entry(books.tenant, row) for row in rows)
    facts = sorted((read(entry) for entry in entries if entry.type in BY_TYPE), key=order)
    privacy = Privacy()
    voided = books.definitions(head).voided if facts else frozenset()
    for fact in facts:
        wall = fact.data
        if not isinstance(wall, WallDefined) or (fact.source, fact.id) in voided:
            continue
        aliases = privacy.aliases if wall.aliases is None else wall.aliases
        privacy = Privacy(wall.names or privacy.names, wall.least or privacy.least, aliases)
    return privacy
