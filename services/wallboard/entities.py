"""All lines of the entities that changed lately: what follows from one of them is worked out anew from these."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from projections.compute import COLUMNS, Columns
from projections.ledger import Key
from services.books import Books

KEEP: Final = 2_000
"""Entities whose lines are kept, for each statement; who changed once is likely to change again soon."""


class Entities:
    """By the column of whom they are about, and the measures that matter: the lines up to a cut that moves on."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, frozenset[str]], OrderedDict[str, list[Columns]]] = {}

    def follow(self, lines: Iterable[Columns], fresh: Iterable[Key]) -> None:
        """Take in all lines between the last cut and the next; ``fresh`` entities have no others.

        A measure is posted by one book, so the id of an entity says which it is.
        """
        for (column, _), kept in self._kept.items():
            if column == "entity":
                kept.update((name, []) for _, name in fresh if name not in kept)
        for line in lines:
            for (column, measures), kept in self._kept.items():
                if line["measure"] in measures and line[column] in kept:
                    kept[line[column]].append(line)

    def forget(self) -> None:
        """Not all new lines are known."""
        self._kept.clear()

    def lines(
        self, books: Books, position: int, column: str, measures: frozenset[str], names: Sequence[str]
    ) -> list[Columns]:
        """The lines of these up to the cut, which is the one that was followed last; some of other measures too."""
        held = [key for key in self._kept if key[0] == column and key[1] >= measures]
        _, measures = key = held[0] if held else (column, measures)
        kept = self._kept.setdefault(key, OrderedDict())
        if missing := [name for name in names if name not in kept]:
            kept.update((name, []) for name in missing)
            told = {"tenant": books.tenant, "cut": position, "measures": sorted(measures), "names": missing}
            found = books.query(
                f"SELECT {', '.join(COLUMNS)} FROM {{postings}} WHERE tenant = {{tenant:String}} "
                f"AND position <= {{cut:UInt64}} AND measure IN {{measures:Array(String)}} "
                f"AND {column} IN {{names:Array(String)}}",
                told,
            )
            for row in found:
                line = dict(zip(COLUMNS, row, strict=True))
                kept[line[column]].append(line)
        for name in names:
            kept.move_to_end(name)
        every = [line for name in names for line in kept[name]]
        while len(kept) > max(KEEP, len(names)):
            kept.popitem(last=False)
        return every
