"""The numbers of a board: asked together, and of what was asked before only what is new.

A frame asks for many KPIs in many periods. What can be read in one statement is; and the ledger only grows, so sums of
plain lines are brought up to date by the lines that were not in them, and everything else is asked again only where
one of its measures has new lines, or time has moved what it stands at.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import add
from typing import Any, Final

from projections.ask import Asker, Cell, Row, something
from projections.compute import Columns, computed, measures_of
from projections.definitions import Definitions
from projections.formula import Part, Value, read_together
from projections.kpi import Kpi
from projections.ledger import Key
from projections.periods import FOREVER, Period
from projections.question import Question
from projections.select import Unknown
from projections.sources import KNOWN
from services.books import Books
from services.clock import now_ms
from services.journal.port import Cut
from services.wallboard.entities import Entities

HEAL_MS: Final = 300_000
"""After so long a statement is asked anew as a whole, one a frame, so that nothing odd can stay."""
LONG: Final = 200
"""Lines of one entity, up to which they are looked at here. A statement may hold each against each."""
_ONES: Final = {"entries": "entity", "first_purchases": "customer"}
"""Sources of which each row follows from the lines of one entity, whatever the others do; and the column of it."""
_MOVING: Final = ("cut", "hi", "wall_hi", "edges", "wall_edges", "ends")
"""Parameters in which the same statement may differ from frame to frame: the cut, and where time stands."""

Where = tuple[tuple[str, tuple[str, ...]], ...]
Found = list[dict[Cell, Row]]
"""For each period of a want, in order, the rows by cell."""
_Rows = dict[tuple[int, Cell], tuple[tuple[Value | None, ...], Row]]
"""By the number of a period and cell: the values that a row was made of, and the row."""


@dataclass(frozen=True)
class Want:
    """A KPI in some periods, which may overlap."""

    kpi: Kpi
    periods: tuple[Period, ...]
    by: tuple[str, ...] = ()
    where: Where = ()


@dataclass
class _Kept:
    """The rows of a statement as they were at a position."""

    sql: str
    fixed: Mapping[str, Any]
    edge: int
    """Up to here its lines reach, on the occurred clock."""
    position: int
    asked_ms: int
    """When it was asked as a whole."""
    rows: list[tuple[Any, ...]]


@dataclass
class _Ledger:
    """What is new in a ledger: of each measure its latest position and its latest moment; and the new lines."""

    position: int = 0
    before: int = -1
    """Where it stood when it was looked at before."""
    measures: dict[str, tuple[int, int]] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    """Of each measure with new lines the latest moment of the others; absent: there are none."""
    lines: dict[str, list[Columns]] | None = None
    """The lines since then by measure; None where they are many."""
    fresh: frozenset[Key] = frozenset()
    """Entities that had no lines until then, as far as that is known."""

    def follow(self, books: Books, cut: Cut) -> None:
        """Up to the cut."""
        news = books.news(self.position, cut.position) if self.position else None
        self.before, self.position = self.position, cut.position
        if news is None:
            self._look(books)
            return
        self.lines, self.reached, self.fresh = {}, {}, news.fresh
        for line in news.lines:
            self.lines.setdefault(line["measure"], []).append(line)
        for measure, lines in self.lines.items():
            known, at_ms = self.measures.get(measure, (0, FOREVER[0]))
            self.reached[measure] = at_ms
            latest = max(known, *(line["position"] for line in lines))
            self.measures[measure] = latest, max(at_ms, *(line["at_ms"] for line in lines))

    def _look(self, books: Books) -> None:
        """By asking the engine, where much is new."""
        rows = books.query(
            "SELECT measure, max(position), max(at_ms) FROM {postings} WHERE tenant = {tenant:String} "
            "AND position > {known:UInt64} AND position <= {cut:UInt64} GROUP BY measure",
            {"tenant": books.tenant, "known": self.before, "cut": self.position},
        )
        self.lines = None
        for measure, position, at_ms in rows:
            self.measures[measure] = position, max(at_ms, self.measures.get(measure, (0, at_ms))[1])

    def moved(self, measures: Iterable[str], since: int) -> bool:
        """Whether any of them has a line after a position."""
        return any(self.measures.get(measure, (0, 0))[0] > since for measure in measures)

    def reaches(self, measures: Iterable[str], at_ms: int) -> bool:
        """Whether any of them has a line that takes effect then or later."""
        return any(self.measures.get(measure, (0, FOREVER[0]))[1] >= at_ms for measure in measures)

    def reached_before(self, measures: Iterable[str], at_ms: int) -> bool:
        """The same of the lines that are not new."""
        known = {measure: latest for measure, (_, latest) in self.measures.items()} | self.reached
        return any(known.get(measure, FOREVER[0]) >= at_ms for measure in measures)

    def new(self, measures: Iterable[str], since: int) -> list[Columns] | None:
        """The lines after a position; None where they are not known one by one."""
        if self.lines is None or since != self.before:
            return None
        return [line for measure in measures for line in self.lines.get(measure, ())]

    def changed(self, column: str, lines: Iterable[Columns]) -> list[str]:
        """The values of a column in these lines, and in all new ones about entities of the same kinds."""
        kinds = {line["book"] for line in lines}
        every = (line for told in (self.lines or {}).values() for line in told)
        return sorted({line[column] for line in every if line["book"] in kinds} - {""})


class Sheet:
    """The numbers of one board, from one cut to the next. Not for several threads at a time."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], _Kept] = {}
        self._ledger = _Ledger()
        self._entities = Entities()
        self._layouts: dict[tuple[int, ...], _Layout] = {}
        self._has_healed = False
        """In this frame."""

    def read(self, books: Books, cut: Cut, definitions: Definitions, wants: Sequence[Want]) -> list[Found]:
        """What is wanted, at one cut, in the company's currency.

        At the cut of the time before, or an earlier one, all is asked anew: there is time for it, and what was parked
        may have been posted at its own place.
        """
        if cut.position <= self._ledger.position:
            self._kept.clear()
            self._ledger = _Ledger()
        self._has_healed = False
        self._ledger.follow(books, cut)
        if self._ledger.lines is None:
            self._entities.forget()
        else:
            every = [line for lines in self._ledger.lines.values() for line in lines]
            self._entities.follow(every, self._ledger.fresh)
        found: list[Found] = [[] for _ in wants]
        layouts, self._layouts = self._layouts, {}
        for group in _groups(wants):
            those = [wants[place] for place in group]
            layout = layouts.get(tuple(group))
            if layout is None or layout.wants != those:
                layout = _Layout(those)
            self._layouts[tuple(group)] = layout
            told = _Together(self, books, cut, definitions, layout).read()
            for place, rows in zip(group, told, strict=True):
                found[place] = rows
        return found

    def changed(self, measure: str, since: int) -> list[str] | None:
        """The entities with lines of a measure after a position, up to the cut that was read last; None: unknown."""
        if not self._ledger.moved((measure,), since):
            return []
        lines = self._ledger.new((measure,), since)
        return None if lines is None else sorted({line["entity"] for line in lines})

    def lines(self, books: Books, column: str, measures: frozenset[str], names: Sequence[str]) -> list[Columns]:
        """All lines of these measures and entities, up to that cut."""
        return self._entities.lines(books, self._ledger.position, column, measures, names)

    def rows(
        self, books: Books, key: tuple[Any, ...], parts: Sequence[Part], sql: str, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """The rows of the statement that reads these parts, from what is kept of it as far as can be."""
        measures = _measures(parts)
        fixed, edge, adds_up = _fixed(parameters), _edge(parameters), _adds_up(parts, sql)
        kept = self._kept.get(key)
        if kept is not None and (kept.sql != sql or kept.fixed != fixed or self._is_old(kept)):
            kept = None
        if kept is not None and not self._ledger.moved(measures, kept.position):
            low, high = sorted((kept.edge, edge))
            if low == high or (adds_up and not self._ledger.reaches(measures, low)):
                kept.position, kept.edge = parameters["cut"], edge
                return kept.rows
        lines = self._ledger.new(measures, kept.position) if kept is not None else None
        if kept is not None and lines is not None:
            if adds_up and self._add(kept, parts, lines, parameters):
                return kept.rows
            if kept.edge == edge and (column := _one(parts)):
                self._exchange(books, kept, self._ledger.changed(column, lines), column, parts, parameters)
                return kept.rows
        if kept is None or not adds_up or edge < kept.edge or (_local(parts) and edge != kept.edge):
            self._kept[key] = kept = _Kept(sql, fixed, edge, parameters["cut"], now_ms(), books.query(sql, parameters))
            return kept.rows
        new = f"{KNOWN} AND (position > {{base:UInt64}} OR at_ms >= {{base_edge:Int64}})"
        more = {"base": kept.position, "base_edge": kept.edge}
        kept.rows = _added(kept.rows, books.query(sql.replace(KNOWN, new), {**parameters, **more}), len(parts))
        kept.position, kept.edge = parameters["cut"], edge
        return kept.rows

    def _add(self, kept: _Kept, parts: Sequence[Part], lines: Sequence[Columns], parameters: Mapping[str, Any]) -> bool:
        """Add what new lines add; whether that could be done here, as it can where time brings in no older ones."""
        edge = _edge(parameters)
        low = min(kept.edge, edge)
        if kept.edge != edge and (
            _local(parts) or edge < kept.edge or self._ledger.reached_before(_measures(parts), low)
        ):
            return False
        try:
            more = computed(kept.sql, lines, parameters)
        except Unknown:
            return False
        kept.rows = _added(kept.rows, more, len(parts))
        kept.position, kept.edge = parameters["cut"], edge
        return True

    def _exchange(
        self, books: Books, kept: _Kept, changed: Sequence[str], column: str, parts: Sequence[Part],
        parameters: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """What the rows had of the entities that changed is taken out, and what they are worth now is put in."""
        count = len(parts)
        before, after = self._worth(books, kept, changed, column, parameters)
        gone = [(*row[:-count], *(-value for value in row[-count:])) for row in before]
        kept.rows = _added(kept.rows, [*gone, *after], count)
        kept.position = parameters["cut"]

    def _worth(
        self, books: Books, kept: _Kept, changed: Sequence[str], column: str, parameters: Mapping[str, Any]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """The rows of these entities, as they were and as they are."""
        try:
            lines = self._entities.lines(books, self._ledger.position, column, measures_of(kept.sql), changed)
            if max(Counter(line[column] for line in lines).values(), default=0) <= LONG:
                former = [line for line in lines if line["position"] <= kept.position]
                return computed(kept.sql, former, parameters), computed(kept.sql, lines, parameters)
        except Unknown:
            pass
        sql = kept.sql.replace(KNOWN, f"{KNOWN} AND {column} IN {{changed:Array(String)}}")
        told = {**parameters, "changed": changed}
        before, after = (books.query(sql, {**told, "cut": cut}) for cut in (kept.position, parameters["cut"]))
        return before, after

    def _is_old(self, kept: _Kept) -> bool:
        if self._has_healed or now_ms() - kept.asked_ms < HEAL_MS:
            return False
        self._has_healed = True
        return True


class _Layout:
    """Wants that are read together, in what periods; and the rows that were made of them last."""

    def __init__(self, wants: Sequence[Want]) -> None:
        self.wants = wants
        self.stretch = list(dict.fromkeys(period for want in wants for period in want.periods))
        self.places = {period: place for place, period in enumerate(self.stretch)}
        self.numbers = [[self.places[period] for period in want.periods] for want in wants]
        self.rows: list[_Rows] = [{} for _ in wants]


class _Together:
    """Wants of the same rows, by and where, read together."""

    def __init__(self, sheet: Sheet, books: Books, cut: Cut, definitions: Definitions, layout: _Layout) -> None:
        self._sheet, self._books, self._cut, self._definitions = sheet, books, cut, definitions
        self._layout = layout
        self._wants, self._stretch, self._places = layout.wants, layout.stretch, layout.places
        self._question = Question(self._wants[0].kpi, self._wants[0].by, self._wants[0].where)

    def read(self) -> list[Found]:
        """For each want, its rows."""
        parts = list(dict.fromkeys(part for want in self._wants for part in want.kpi.parts))
        named = [replace(part, name=str(number)) for number, part in enumerate(parts)]
        values: dict[str, dict[tuple[int, Cell], Any]] = {}
        for number, group in enumerate(read_together(named)):
            for first, stretch in _stretches(group, self._stretch):
                asker = self._asker(group, (number, stretch[0].label if first else ""))
                for name, told in asker.values(group, stretch, self._question).items():
                    mine = values.setdefault(name, {})
                    mine |= {(self._places[stretch[place]], cell): value
                             for (place, cell), value in told.items()}  # fmt: skip
        names = {part: str(number) for number, part in enumerate(parts)}
        return [self._found(place, want, names, values) for place, want in enumerate(self._wants)]

    def _asker(self, parts: Sequence[Part], key: tuple[Any, ...]) -> Asker:
        if any(part.special for part in parts):
            return self._books.asker(self._cut, self._definitions)
        run = partial(self._sheet.rows, self._books, (self._question.by, self._question.where, *key, *parts), parts)
        return self._books.asker(self._cut, self._definitions, run)

    def _found(
        self, place: int, want: Want, names: Mapping[Part, str], values: Mapping[str, Mapping[tuple[int, Cell], Any]]
    ) -> Found:
        parts = want.kpi.parts
        mine = {part.name: values.get(names[part], {}) for part in parts}
        question = replace(self._question, kpi=want.kpi)
        asker = self._books.asker(self._cut, self._definitions)
        cells: dict[int, set[Cell]] = {}
        for number, cell in something(mine) if want.by else ():
            cells.setdefault(number, set()).add(cell)
        known, rows = self._layout.rows[place], _Rows()
        found: Found = []
        for period, number in zip(want.periods, self._layout.numbers[place], strict=True):
            made: dict[Cell, Row] = {}
            for cell in cells.get(number, ()) if want.by else ((),):
                key = number, cell
                of = tuple([mine[part.name].get(key) for part in parts])
                before = known.get(key)
                rows[key] = one = before if before is not None and before[0] == of else (
                    of, asker.row(question, period, number, cell, mine)
                )  # fmt: skip
                made[cell] = one[1]
            found.append(made)
        self._layout.rows[place] = rows
        return found


def _groups(wants: Sequence[Want]) -> list[list[int]]:
    """Which wants, by their places, are read together: those of the same rows over about the same stretch."""
    found: dict[tuple[Any, ...], list[int]] = {}
    starts: dict[tuple[Any, ...], int] = {}
    for want in wants:
        key = (want.kpi.id, want.by, want.where)
        starts[key] = min(starts.get(key, FOREVER[1]), *(period.from_ms for period in want.periods))
    for place, want in enumerate(wants):
        start = starts[want.kpi.id, want.by, want.where]
        found.setdefault((want.by, want.where, start, _alike(want)), []).append(place)
    return list(found.values())


def _alike(want: Want) -> object:
    """What wants have in common that one statement can read: sums, of lines that know the same dimensions where any is
    asked for, because what is filled in from elsewhere depends on them."""
    if any(part.stat != "sum" for part in want.kpi.parts):
        return want.kpi.id
    if not (want.by or want.where):
        return None
    dims = {part.source.dims for part in want.kpi.parts if part.source is not None}
    return dims.pop() if len(dims) == 1 else want.kpi.id


def _stretches(parts: Sequence[Part], stretch: Sequence[Period]) -> list[tuple[bool, Sequence[Period]]]:
    """Periods that one statement can read for these parts: any, where they are sums of rows that know no periods, or
    tell their own windows; else those that follow upon each other, each such run marked."""
    sums = all(part.stat == "sum" and not (part.source and "{edges" in part.source.sql(())) for part in parts)
    if sums or any(part.source and part.source.lasts for part in parts):
        return [(False, stretch)]
    runs: list[list[Period]] = []
    for period in sorted(stretch, key=lambda each: (each.to_ms - each.from_ms, each.from_ms)):
        if runs and runs[-1][-1].to_ms == period.from_ms:
            runs[-1].append(period)
        else:
            runs.append([period])
    return [(True, run) for run in runs]


def _adds_up(parts: Sequence[Part], sql: str) -> bool:
    """Whether the rows at a later cut are those at an earlier one and what the lines between them add."""
    plain = all(part.stat == "sum" and part.source is not None and part.source.which for part in parts)
    return plain and sql.count(KNOWN) == 1


def _measures(parts: Sequence[Part]) -> set[str]:
    """The measures that they read."""
    return {measure for part in parts if part.source for measure in part.source.measures}


def _local(parts: Sequence[Part]) -> bool:
    """Whether some of their rows are calendar days."""
    return any(part.source is not None and part.source.local for part in parts)


def _one(parts: Sequence[Part]) -> str:
    """The column of the entity that each row follows from; empty where there is no one such."""
    columns = {_ONES.get(part.source.name, "") if part.source else "" for part in parts}
    return columns.pop() if len(columns) == 1 and all(part.stat == "sum" for part in parts) else ""


def _fixed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters but for the cut and the last edge, which is where time stands."""
    kept = {name: value for name, value in parameters.items() if name not in _MOVING}
    return kept | {name: tuple(parameters[name][:-1]) for name in ("edges", "wall_edges") if name in parameters}


def _edge(parameters: Mapping[str, Any]) -> int:
    """Up to where the lines of a statement reach."""
    ends = parameters.get("edges") or parameters.get("ends") or (0,)
    return int(max(ends))


def _added(rows: Iterable[tuple[Any, ...]], more: Iterable[tuple[Any, ...]], count: int) -> list[tuple[Any, ...]]:
    """Rows with others added: the last ``count`` columns of each place are sums."""
    sums = {row[:-count]: row[-count:] for row in rows}
    for row in more:
        before = sums.get(row[:-count])
        values = row[-count:]
        sums[row[:-count]] = values if before is None else tuple(map(add, before, values))
    return [place + values for place, values in sums.items()]
