"""Joins: columns from the lines of a file beside the main one."""

from collections.abc import Collection, Iterator

from services.importer.mapping import Join, MappingError
from services.importer.table import Table
from services.importer.template import BadRow, Row


class Lookup:
    """The lines of a file, by their key. It is kept in memory, with the columns that are used."""

    def __init__(self, join: Join, table: Table, columns: Collection[str]) -> None:
        """Raises MappingError where a line cannot be read or a key stands twice."""
        self._join = join
        self._name = table.path.name
        self.is_typed = table.is_workbook
        """Whether its dates need no form to be read."""
        self._columns = table.places(columns)
        self._rows: dict[str, tuple[str, ...]] = {}
        lines: dict[str, int] = {}
        ((_, place),) = table.places([join.key])
        for line in table.lines():
            if line.problem:
                raise MappingError(f"{self._name} line {line.number} {line.problem}")
            key = line.cells[place]
            if not key:
                continue
            row = tuple(line.cells[column] for _, column in self._columns)
            if self._rows.setdefault(key, row) != row:
                raise MappingError(
                    f"{self._name} line {line.number} says otherwise than line {lines[key]} of the same {join.key}; "
                    "allowed: one line for each"
                )
            lines.setdefault(key, line.number)

    def find(self, row: Row) -> Iterator[tuple[str, str]]:
        """The columns that a row is given; none where it names no key. Raises BadRow where its key is not there."""
        key = self._join.on.fill(row)
        if not key:
            return
        found = self._rows.get(key)
        if found is not None:
            yield from zip((name for name, _ in self._columns), found, strict=True)
        elif not self._join.optional:
            columns = ", ".join(self._join.on.columns) or self._join.on.text
            raise BadRow(columns, f"names no {self._join.key} in {self._name}; allowed: one that stands there")
