"""All lines of the entities that changed lately: what follows from one of them is worked out anew from these."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from projections.compute import COLUMNS, Columns
from services.books import Books

KEEP: Final = 2_000
"""Entities whose lines are kept, for each statement; who changed once is likely to change again soon."""


class Entities:
    """By the column of whom they are about, and the measures that matter: the lines up to a cut that moves on."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, frozenset[str]], OrderedDict[str, list[Columns]]] = {}

    def follow(self, lines: Iterable[Columns]) -> None:
        """Take in all lines between the last cut and the next."""
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
        """The lines of these up to the cut, which is the one that was followed last."""
        kept = self._kept.setdefault((column, measures), OrderedDict())
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
