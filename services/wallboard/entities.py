"""All lines of the entities that changed lately: what follows from one of them is worked out anew from these."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from projections.compute import Columns
from projections.ledger import Key
from services.books import Books

KEEP: Final = 2_000
"""Entities whose lines are kept, for each statement; who changed once is likely to change again soon."""
ROSTER: Final = 200_000
"""As long as there are no more names than these, all are known, and who is new need not be looked for."""
_OF_THESE: Final = "measure IN {measures:Array(String)}"


class Entities:
    """By the column of whom they are about, and the measures that matter: the lines up to a cut that moves on."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, frozenset[str]], OrderedDict[str, list[Columns]]] = {}
        self._rosters: dict[tuple[str, frozenset[str]], set[str] | None] = {}
        """Everybody who has lines; None: they are too many."""

    def follow(self, lines: Iterable[Columns], fresh: Iterable[Key]) -> None:
        """Take in all lines between the last cut and the next; ``fresh`` entities have no others.

        A measure is posted by one book, so the id of an entity says which it is.
        """
        for (column, _), kept in self._kept.items():
            if column == "entity":
                kept.update((name, []) for _, name in fresh if name not in kept)
        for line in lines:
            for (column, measures), kept in self._kept.items():
                if line["measure"] in measures:
                    name, roster = line[column], self._rosters.get((column, measures))
                    if roster is not None and name not in roster:
                        roster.add(name)
                        kept.setdefault(name, [])
                    if name in kept:
                        kept[name].append(line)

    def forget(self) -> None:
        """Not all new lines are known."""
        self._kept.clear()
        self._rosters = {key: None for key, roster in self._rosters.items() if roster is None}

    def lines(
        self, books: Books, position: int, column: str, measures: frozenset[str], names: Sequence[str]
    ) -> list[Columns]:
        """The lines of these up to the cut, which is the one that was followed last; some of other measures too."""
        held = [key for key in self._kept if key[0] == column and key[1] >= measures]
        _, measures = key = held[0] if held else (column, measures)
        kept = self._kept.setdefault(key, OrderedDict())
        if missing := [name for name in names if name not in kept]:
            kept.update((name, []) for name in missing)
            roster = self._roster(books, key, position)
            if roster is None or (missing := [name for name in missing if name in roster]):
                told = {"measures": sorted(measures), "names": missing}
                for line in books.lines(f"{_OF_THESE} AND {column} IN {{names:Array(String)}}", told, position):
                    if line["measure"] in measures and line[column] in missing:
                        kept[line[column]].append(line)
        for name in names:
            kept.move_to_end(name)
        every = [line for name in names for line in kept[name]]
        while len(kept) > max(KEEP, len(names)):
            kept.popitem(last=False)
        return every

    def _roster(self, books: Books, key: tuple[str, frozenset[str]], position: int) -> set[str] | None:
        """The names with lines of these measures; None where they are too many."""
        if key not in self._rosters:
            rows = books.query(
                f"SELECT DISTINCT {key[0]} FROM {{postings}} WHERE tenant = {{tenant:String}} "
                f"AND position <= {{cut:UInt64}} AND {_OF_THESE} LIMIT {ROSTER + 1}",
                {"tenant": books.tenant, "cut": position, "measures": sorted(key[1])},
            )
            self._rosters[key] = {name for (name,) in rows} if len(rows) <= ROSTER else None
        return self._rosters[key]
