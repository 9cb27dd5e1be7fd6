"""Tables: the lines of a CSV file, a sheet or a JSONL file as columns, and one sentence for whatever is wrong."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from services.importer.csv_rows import CsvRows, start_of
from services.importer.json_rows import JsonRows, is_json_lines
from services.importer.line import Line
from services.importer.mapping import Format, MappingError
from services.importer.workbook import SheetRows, is_workbook


class Rows(Protocol):
    """The rows of a file, however it is written."""

    def header(self) -> tuple[str, ...]:
        """The names of the columns. Raises MappingError."""

    def lines(self, width: int, watch: Callable[[int], None]) -> Iterator[Line]:
        """The rows below the header, each of ``width`` cells; blank ones have none."""

    def hint(self, header: tuple[str, ...]) -> str:
        """What may be the matter where columns are missing."""


class Table:
    """A file that is known to be readable: not empty, with the columns that are needed."""

    def __init__(
        self,
        path: Path,
        format_: Format,
        *,
        columns: tuple[str, ...] | None = None,
        needed: Collection[str] = (),
        optional: Collection[str] = (),
    ) -> None:
        """Raises MappingError."""
        self.path: Final = path
        self._empty: Final = format_.empty
        start_of(path)
        self.is_workbook: Final = is_workbook(path)
        """Whether its cells are typed, so that dates need no form to be read."""
        self._rows: Final[Rows] = _rows(path, format_, columns, optional)
        self.header: Final = _spelled_as((*needed, *optional), columns or self._rows.header())
        self._check(needed, optional)
        self.watch: Callable[[int], None] | None = None
        """Is given the bytes that were read, as they are."""
        self._done = 0

    def lines(self) -> Iterator[Line]:
        """The lines below the header. Blank ones are skipped."""
        self._done = 0
        for line in self._rows.lines(len(self.header), self._report):
            if line.cells or line.problem:
                yield self._said(line) if self._empty else line

    def _report(self, now: int) -> None:
        if self.watch is not None and now > self._done:
            self.watch(now - self._done)
        self._done = now

    def _said(self, line: Line) -> Line:
        return Line(line.number, ["" if cell in self._empty else cell for cell in line.cells], line.problem)

    def places(self, wanted: Collection[str]) -> list[tuple[str, int]]:
        """Where these columns stand; those that are missing are left out."""
        return [(name, self.header.index(name)) for name in sorted(wanted) if name in self.header]

    def _check(self, needed: Collection[str], optional: Collection[str]) -> None:
        missing = sorted(set(needed) - set(self.header) - set(optional))
        there = ", ".join(name or '""' for name in self.header[:60]) + (", …" if len(self.header) > 60 else "")
        if missing:
            lacks = f"the column {missing[0]}" if len(missing) == 1 else f"the columns {', '.join(missing)}"
            raise MappingError(f"{self.path.name} lacks {lacks}; it has: {there}{self._rows.hint(self.header)}")
        for name in sorted(needed):
            if self.header.count(name) > 1:
                raise MappingError(f"{self.path.name} has the column {name} twice; allowed: once; it has: {there}")


def _rows(path: Path, format_: Format, columns: tuple[str, ...] | None, optional: Collection[str]) -> Rows:
    """The rows of a file, by what it is."""
    if is_workbook(path):
        return SheetRows(path, format_, headed=columns is None)
    if is_json_lines(path):
        return JsonRows(path, format_, tuple(optional))
    return CsvRows(path, format_, headed=columns is None)


def _spelled_as(wanted: Collection[str], header: Sequence[str]) -> tuple[str, ...]:
    """The header in the spelling that a mapping uses: ``Is Closed Won`` and ``Is closed won`` are one column, as long
    as no other bears the name."""
    names = {name.casefold(): name for name in wanted if name not in header}
    counts = Counter(name.casefold() for name in header)
    return tuple(names.get(name.casefold(), name) if counts[name.casefold()] == 1 else name for name in header)
