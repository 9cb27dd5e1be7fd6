"""From the lines of a table to events: one step of a mapping, at work."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

from services.importer.joins import Lookup
from services.importer.line import Line
from services.importer.maker import Maker, Terms
from services.importer.mapping import Event, MappingError, Step
from services.importer.table import Table
from services.importer.template import BadRow, Row, first_said, named


@dataclass(frozen=True, slots=True)
class Made:
    """A CloudEvent that was made, and whether one told before under its identity stands without a word."""

    event: dict[str, Any]
    first_stands: bool


@dataclass(slots=True)
class Piece:
    """What one line, or one group of lines, tells: events, or why it tells none."""

    line: int
    cells: list[str]
    """Of the line; of the first one of a group."""
    events: list[Made] = field(default_factory=list)
    field: str = ""
    problem: str = ""


@dataclass(slots=True)
class _Group:
    line: int
    cells: list[str]
    row: dict[str, str]
    sums: dict[tuple[int, str], list[Decimal]]
    field: str = ""
    problem: str = ""


class Translator:
    """Makes events of the lines of one table."""

    def __init__(self, step: Step, table: Table, joins: Mapping[str, Lookup], terms: Terms, name: str) -> None:
        """``name`` tells the steps of a mapping apart in the ids of events."""
        self._step: Final = step
        self._table: Final = table
        self._joins: Final = joins
        self._name: Final = name
        self._places: Final = table.places(step.all_columns)
        self._absent: Final = dict.fromkeys(step.all_columns, "")
        self._shared: Final = sorted(step.shared_columns)
        format_ = terms.format.with_changes(step.format)
        self._makers: Final = [Maker(event, terms, format_) for event in step.events]
        self._terms: Final = terms

    def pieces(self) -> Iterator[Piece]:
        """What the lines tell, in their order; groups in the order of their first lines.

        Raises MappingError where a line of a file with groups cannot be read: its group would be incomplete.
        """
        return self._single() if self._step.group_by is None else self._grouped()

    def settle(self, accepted: bool) -> None:
        """Says whether the last piece was taken: only then is its rest carried on."""
        for maker in self._makers:
            maker.carried.settle(accepted)

    def _single(self) -> Iterator[Piece]:
        for line in self._table.lines():
            piece = Piece(line.number, line.cells)
            try:
                piece.events = self._events(self._row(line), {})
            except BadRow as error:
                piece.field, piece.problem = error.field, error.problem
            yield piece

    def _grouped(self) -> Iterator[Piece]:
        groups: dict[str, _Group] = {}
        for line in self._table.lines():
            if line.problem:
                raise MappingError(
                    f"{self._table.path.name} line {line.number} {line.problem}; its lines are grouped, and the group "
                    "of this one is unknown, so nothing of the file was told"
                )
            own = self._own(line)
            try:
                group = groups.setdefault(self._key(own), _Group(line.number, line.cells, {}, {}))
            except BadRow as error:
                yield Piece(line.number, line.cells, [], error.field, error.problem)
                continue
            try:
                self._add(group, self._joined(own), line.number)
            except BadRow as error:
                if not group.problem:
                    group.field, group.problem = f"line {line.number}: {error.field}", error.problem
        for group in groups.values():
            piece = Piece(group.line, group.cells, [], group.field, group.problem)
            if not group.problem:
                try:
                    piece.events = self._events(group.row, group.sums)
                except BadRow as error:
                    piece.field, piece.problem = error.field, error.problem
            yield piece

    def _add(self, group: _Group, row: dict[str, str], line: int) -> None:
        group.row = group.row or row
        for name in self._shared:
            if row[name] != group.row[name]:
                raise BadRow(name, f"is another than on line {group.line} of the same group; allowed: the same")
        for number, maker in enumerate(self._makers):
            for name, amount in maker.summands(row):
                group.sums.setdefault((number, name), []).append(amount)

    def _row(self, line: Line) -> Row:
        if line.problem:
            raise BadRow("line", line.problem)
        return self._joined(self._own(line))

    def _own(self, line: Line) -> dict[str, str]:
        """The columns of the line itself; those of its joins are still empty."""
        row = self._absent.copy()
        for name, place in self._places:
            row[name] = self._renamed(name, line.cells[place])
        return row

    def _joined(self, row: dict[str, str]) -> dict[str, str]:
        for name, join in self._joins.items():
            for column, value in join.find(row):
                row[f"{name}.{column}"] = self._renamed(f"{name}.{column}", value)
        return row

    def _renamed(self, column: str, value: str) -> str:
        renames = self._step.rename.get(column)
        return renames.get(value, value) if renames else value

    def _key(self, row: Row) -> str:
        if not (key := self._step.known_by.fill(row)):
            raise BadRow(named(self._step.known_by), "is empty; allowed: what the line is known by")
        return key

    def _events(self, row: Row, sums: Mapping[tuple[int, str], list[Decimal]]) -> list[Made]:
        key = self._key(row)
        told = []
        for number, maker in enumerate(self._makers):
            own = {name: amounts for (place, name), amounts in sums.items() if place == number}
            if (event := maker.event(row, own)) is not None:
                told.append(self._identified(event, maker.mapping, key, row))
        return told

    def _identified(self, event: dict[str, Any], mapping: Event, key: str, row: Row) -> Made:
        if mapping.id is None:
            id_ = event_id(self._terms.source, self._name, key, mapping.type)
        elif not (id_ := first_said(mapping.id, row)):
            raise BadRow(f"{mapping.type} id", "has an empty column; allowed: columns that say something")
        whole = {"specversion": "1.0", "id": id_, "source": self._terms.source, **event}
        return Made(whole, mapping.first_stands)


def event_id(source: str, name: str, key: str, type_: str) -> str:
    """Of what a line is known by, and of nothing that may change: the same line is the same event."""
    told = "\x1f".join((source, name, key, type_)).encode()
    return f"{type_}-{blake2b(told, digest_size=12).hexdigest()}"
