"""Asking: a question, the ledger behind a ``run`` function, and an exact answer at one cut."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, product
from math import isfinite
from typing import Any, Final

from projections.attainment import OF_TARGETS, Goals
from projections.belonging import of_reps
from projections.catalogue import BY_ID
from projections.definitions import Calendar, Definitions
from projections.formula import RANKED, Part, Undefined, Value, Window, read_together
from projections.periods import FOREVER, Period, TooManyPeriods, apart, earlier, moment, periods
from projections.plan import RATED, REST, Planner, Span, spans
from projections.presence import rep_days
from projections.question import ENTITIES, BadQuestion, Question

Rows = list[tuple[Any, ...]]
Run = Callable[[str, Mapping[str, Any]], Rows]
"""Runs a SELECT with bound parameters and gives its rows."""
RunAll = Callable[[Sequence[tuple[str, Mapping[str, Any]]]], list[Rows]]
"""Runs several of them, in any order, and gives the rows of each."""
Cell = tuple[str | None, ...]
"""The values of the dimensions asked by; None where not known."""
Place = tuple[int, Cell]
"""A period, by its number, and a cell."""
_ZERO: Final[Value] = Fraction(0)
_NO_DATA: Final[Value] = Undefined("no_data")
_NO_TARGET: Final[Value] = Undefined("no_target")


@dataclass(frozen=True)
class Row:
    """One cell of an answer in one period: its value and the parts it was computed from, exact."""

    period: Period
    cell: Cell
    value: Value
    parts: Mapping[str, Value]
    before: "Row | None" = None
    """What it is compared with, where that is asked for."""


@dataclass(frozen=True)
class Answered:
    """The rows of an answer, in order, and how they were asked."""

    question: Question
    currency: str
    rows: list[Row]


class Asker:
    """Answers questions of one tenant at one cut."""

    def __init__(
        self, run: Run, tenant: str, position: int, recorded_ms: int, definitions: Definitions, lifespan_years: int,
        run_all: RunAll | None = None,
    ) -> None:  # fmt: skip
        """``run_all`` is how the statements of one question are run, where that is not one after the other."""
        self._run = run
        self._run_all: Final = run_all or (lambda asked: [run(*each) for each in asked])
        self._tenant = tenant
        self.position: Final = position
        self.now_ms: Final = recorded_ms
        self.definitions: Final = definitions
        self._lifespan: Final = Fraction(lifespan_years)

    def answer(self, question: Question) -> Answered:
        """The answer to a question. Raises BadQuestion where its stretch of time is not allowed."""
        currency = question.currency or self.definitions.calendar.currency
        told, question = question, self.of_reps(question)
        planner = Planner(question, self._tenant, self.position, self.now_ms, self.seen(question), currency)
        stretch = self.periods(question)
        if not stretch:
            return Answered(told, currency, [])
        if question.rest:
            planner.top = self._top(question, stretch)
        values = self._values(question, stretch, planner)
        former, before = self._former(question, stretch, planner)
        together = {name: {**before.get(name, {}), **found} for name, found in values.items()}
        grid = _grid(question, together, len(stretch))
        found = self._rows(question, stretch, grid, values)
        if question.compare:
            compared = self._rows(question, former, grid, before)
            found = [replace(row, before=other) for row, other in zip(found, compared, strict=True)]
        return Answered(told, currency, _ordered(question, found))

    def _former(
        self, question: Question, stretch: Sequence[Period], planner: Planner
    ) -> tuple[list[Period], dict[str, dict[Place, Value]]]:
        """The periods to compare with, and the values in them."""
        if not question.compare:
            return [], {}
        former = earlier(stretch, question.grain, question.compare, self.definitions.calendar)
        values: dict[str, dict[Place, Value]] = {}
        for numbers in apart(former):
            found = self._values(question, [former[number] for number in numbers], planner)
            for name, told in found.items():
                values.setdefault(name, {}).update({(numbers[place], cell): told[place, cell] for place, cell in told})
        return former, values

    def _top(self, question: Question, stretch: Sequence[Period]) -> list[Cell]:
        """The cells with the most, or the least if that is the order, over the whole stretch."""
        whole = [Period("total", stretch[0].from_ms, stretch[-1].to_ms)]
        known = [
            (value, cell) for (_, cell), value in self.over(question, whole).items() if isinstance(value, Fraction)
        ]
        rising = question.order == "value"
        known.sort(key=lambda each: (each[0] if rising else -each[0], _key(each[1])))
        return [cell for _, cell in known[: question.limit]]

    def over(self, question: Question, stretch: Sequence[Period], also: Iterable[Cell] = ()) -> dict[Place, Value]:
        """The values of a question over these periods, by their number and cell: of all cells and ``also``."""
        return self._over(question, stretch, self._values(question, stretch, self.planner(question)), also)

    def _over(
        self,
        question: Question,
        stretch: Sequence[Period],
        values: Mapping[str, Mapping[Place, Value]],
        also: Iterable[Cell],
    ) -> dict[Place, Value]:
        places = product(range(len(stretch)), {cell for found in values.values() for _, cell in found} | set(also))
        read, formula = self._read(question, values), question.kpi.formula
        return {
            place: formula.value({name: found.get(place, nothing) for name, found, nothing in read}) for place in places
        }

    def _over_all(
        self,
        question: Question,
        kpis: Mapping[str, Iterable[Cell]],
        stretch: Sequence[Period],
        top: Sequence[Cell] | None,
    ) -> dict[str, dict[Place, Value]]:
        """The same of several KPIs, each with cells of its own; parts that lie beside one another are read at once."""
        asked = {kpi: replace(question, kpi=BY_ID[kpi]) for kpi in kpis}
        parts = list(dict.fromkeys(part for each in asked.values() for part in each.kpi.parts))
        named = {part: replace(part, name=str(number)) for number, part in enumerate(parts)}
        planner = self.planner(question)
        planner.top = top
        values = self._parts(read_together(named.values()), stretch, planner, question)
        found = {}
        for kpi, each in asked.items():
            mine = {part.name: values[named[part].name] for part in each.kpi.parts}
            found[kpi] = self._over(each, stretch, mine, kpis[kpi])
        return found

    def of_reps(self, question: Question) -> Question:
        """The question with those reps in ``where`` whose targets are asked for by where they belong, at the end of
        its stretch, or now if that comes first; any other question as it is."""
        end = _moment("to", question.to, self.definitions.calendar)
        at_ms = self.now_ms if end is None else min(end - 1, self.now_ms)
        return of_reps(question, self.seen(question), at_ms)

    def seen(self, question: Question) -> Definitions:
        """The definitions, with the organisation and the exchange rates that a question asks for."""
        return self.definitions.seen(question.org, question.fx, self.now_ms)

    def goals(self, question: Question, top: Sequence[Cell] | None = None) -> Goals:
        """The targets that a question is about; those outside of the ``top`` cells together, if such are given."""
        currency = question.currency or self.definitions.calendar.currency
        return Goals(question, self.seen(question), currency, self.now_ms, self._over_all, top)

    def _values(self, question: Question, stretch: Sequence[Period], planner: Planner) -> dict[str, dict[Place, Value]]:
        values: dict[str, dict[Place, Value]] = {}
        aims = [part for part in question.kpi.parts if part.special in OF_TARGETS]
        if aims:
            found = self.goals(question, planner.top).values([part.special for part in aims], stretch)
            values |= {part.name: found[part.special] for part in aims}
        others = read_together(part for part in question.kpi.parts if part not in aims)
        return values | self._parts(others, stretch, planner, question)

    def values(
        self, parts: Sequence[Part], stretch: Sequence[Period], question: Question
    ) -> dict[str, dict[Place, Value]]:
        """The values by name of parts that ``read_together`` put together, in periods that may overlap where they are
        sums. Of the question only what it is grouped and filtered by matters, and for targets its KPI."""
        question = self.of_reps(question)
        if parts[0].special in OF_TARGETS:
            found = self.goals(question).values([part.special for part in parts], stretch)
            return {part.name: found[part.special] for part in parts}
        return self._parts([parts], stretch, self.planner(question), question)

    def row(
        self, question: Question, period: Period, number: int, cell: Cell, values: Mapping[str, Mapping[Place, Value]]
    ) -> Row:
        """The row of a cell in the period of this number, from the values of its parts by their names."""
        return self._rows(question, {number: period}, [(number, cell)], values)[0]

    def planner(self, question: Question) -> Planner:
        """The planner of a question, for its evidence."""
        currency = question.currency or self.definitions.calendar.currency
        return Planner(question, self._tenant, self.position, self.now_ms, self.seen(question), currency)

    def window(self, part: Part, period: Period) -> Span:
        """The window of a part for one period."""
        return spans(part, [period], self.now_ms, self.definitions.calendar)[0]

    def periods(self, question: Question) -> list[Period]:
        """The periods a question is about. Without ``from`` and ``to``: as far as its postings reach."""
        calendar = self.definitions.calendar
        low = _moment("from", question.from_, calendar)
        high = _moment("to", question.to, calendar)
        if low is not None and high is not None and low >= high:
            raise BadQuestion(
                "from", f"{question.from_!r} is not before to {question.to!r}; allowed: an earlier moment"
            )
        if question.grain != "total" and (low is None or high is None):
            reach = self._reach(question)
            if reach is None:
                return []
            first, last = reach
            low = first if low is None else low
            high = max(last + 1, low + 1) if high is None else high
            if question.from_ is None:
                low = min(low, high - 1)
        low, high = FOREVER[0] if low is None else low, FOREVER[1] if high is None else high
        try:
            return periods(question.grain, low, high, calendar)
        except TooManyPeriods as error:
            raise BadQuestion("grain", f"{error}; allowed: a coarser grain or a shorter stretch") from error

    def _reach(self, question: Question) -> tuple[int, int] | None:
        """The first and last moment of the postings behind a KPI, or of its targets; None where there are none."""
        if question.kpi.scoped:
            known = [each for _, _, aims in self.goals(question).known for each in aims.by_stretch]
            return (min(first for first, _ in known), max(end for _, end in known) - 1) if known else None
        measures = sorted({name for part in question.kpi.parts if part.source for name in part.source.measures})
        rows = self._run(
            "SELECT count(), min(at_ms), max(at_ms) FROM {postings} WHERE tenant = {tenant:String} "
            "AND position <= {cut:UInt64} AND measure IN {measures:Array(String)}",
            {"tenant": self._tenant, "cut": self.position, "measures": measures},
        )
        count, first, last = rows[0]
        return (first, last) if count else None

    def _parts(
        self, groups: Iterable[Sequence[Part]], stretch: Sequence[Period], planner: Planner, question: Question
    ) -> dict[str, dict[Place, Value]]:
        """The values of parts, by name; those of a group are read together."""
        values: dict[str, dict[Place, Value]] = {}
        read, asked = [], []
        for parts in groups:
            each = {part.window: spans(part, stretch, self.now_ms, self.definitions.calendar) for part in parts}
            if parts[0].special:
                values[parts[0].name] = self._special(parts[0], each[parts[0].window], stretch, planner, question)
                continue
            select = planner.select(parts, [window for those in each.values() for window in those])
            read.append((parts, each))
            asked.append((select.sql, select.parameters))
        for (parts, each), rows in zip(read, self._run_all(asked), strict=True):
            values |= self._measured(parts, each, rows, planner, len(question.by))
        return values

    def _special(
        self, part: Part, windows: Sequence[Span], stretch: Sequence[Period], planner: Planner, question: Question
    ) -> dict[Place, Value]:
        """The values of a part that is not read from postings."""
        match part.special:
            case "rep_days" if planner.top is not None:
                return _folded(rep_days(question, windows, self.seen(question), self.now_ms), planner.top)
            case "rep_days":
                if question.grain == "hour":
                    raise BadQuestion("grain", "'hour' is finer than a working day; allowed: day or coarser")
                return rep_days(question, windows, self.seen(question), self.now_ms)
            case "lifespan":
                return {}
        return self.goals(question, planner.top).values([part.special], stretch)[part.special]

    def _measured(
        self, parts: Sequence[Part], each: Mapping[Window, Sequence[Span]], rows: Rows, planner: Planner, dims: int
    ) -> dict[str, dict[Place, Value]]:
        """The values of parts that were read together, from these rows; ``each`` has the windows of their kinds."""
        first, values = parts[0], len(parts)
        if all(part.stat == "sum" for part in parts):
            return {
                part.name: self._sums(part, each[part.window], rows, planner, dims, place - values)
                for place, part in enumerate(parts)
            }
        starts = {window.start: number for number, window in enumerate(each[first.window])}
        covering = first.source is not None and bool(first.source.lasts)
        return {
            part.name: {
                (row[0] if covering else starts[row[0]], _cell(row[1 : 1 + dims])): Fraction(row[place - values])
                for row in rows
                if isfinite(row[place - values]) and (covering or row[0] in starts)
            }
            for place, part in enumerate(parts)
        }

    def _sums(
        self,
        part: Part,
        windows: Sequence[Span],
        rows: Iterable[tuple[Any, ...]],
        planner: Planner,
        dims: int,
        column: int,
    ) -> dict[Place, Value]:
        """Sums between edges, put together to windows."""
        sums: dict[tuple[Cell, tuple[Any, ...], tuple[Any, ...]], dict[int, int]] = {}
        for row in rows:
            money = row[1 + dims : 3 + dims] if part.unit == "money" else ()
            weight = row[3 + dims : 6 + dims] if part.weighted else ()
            added = sums.setdefault((_cell(row[1 : 1 + dims]), money, weight), {})
            added[row[0]] = added.get(row[0], 0) + row[column]
        found: dict[Place, Value] = {}
        for (cell, money, weight), added in sums.items():
            covering = part.source is not None and bool(part.source.lasts)
            for number, amount in added.items() if covering else _windowed(windows, added):
                total = self.converted(amount, money[0], money[1], planner) if money else Fraction(amount)
                if part.weighted:
                    total = self.weighted(total, weight, windows[number].end)
                before = found.get((number, cell))
                found[number, cell] = total if before is None else _plus(before, total)
        return found

    @staticmethod
    def converted(amount: int, currency: str, unrated_ms: int, planner: Planner) -> Value:
        """Minor units of the answer's currency, exact, from a sum that the planner's statement converted."""
        if amount and unrated_ms != RATED:
            return Undefined("missing_rate", f"{currency}/{planner.currency}")
        return Fraction(amount, planner.scale)

    def weighted(self, total: Value, weight: tuple[Any, ...], at_ms: int) -> Value:
        """A sum of one (pipeline, stage, own) times the probability in force; own ones are in it, in millionths."""
        pipeline, stage, own = weight
        if isinstance(total, Undefined) or not total:
            return total
        if own:
            return total / 1_000_000
        _, probability = self.definitions.pipelines(at_ms - 1).get((pipeline, stage), (0, None))
        if probability is None:
            return Undefined("missing_probability", f"{pipeline}/{stage}")
        return total * probability

    def _rows(
        self,
        question: Question,
        stretch: Sequence[Period] | Mapping[int, Period],
        places: Iterable[Place],
        values: Mapping[str, Mapping[Place, Value]],
    ) -> list[Row]:
        read, formula, rows = self._read(question, values), question.kpi.formula, []
        for place in places:
            parts = {name: found.get(place, nothing) for name, found, nothing in read}
            rows.append(Row(stretch[place[0]], place[1], formula.value(parts), parts))
        return rows

    def _read(
        self, question: Question, values: Mapping[str, Mapping[Place, Value]]
    ) -> list[tuple[str, Mapping[Place, Value], Value]]:
        """The parts of a question's KPI: their names, their values, and what is where there is none."""
        return [(part.name, values[part.name], self._nothing(part)) for part in question.kpi.parts]

    def _nothing(self, part: Part) -> Value:
        if part.special == "lifespan":
            return self._lifespan
        return _NO_TARGET if part.special == "target" else _NO_DATA if part.stat in RANKED else _ZERO


def _windowed(windows: Sequence[Span], added: Mapping[int, int]) -> Iterable[tuple[int, int]]:
    """The sum of each window in which anything was added; ``added`` by the edge that it follows."""
    places = sorted(added)
    sums = [0, *accumulate(added[place] for place in places)]
    for number, window in enumerate(windows):
        first, end = bisect_left(places, window.start), bisect_left(places, window.end)
        if first < end:
            yield number, sums[end] - sums[first]


def _plus(left: Value, right: Value) -> Value:
    if isinstance(left, Undefined):
        return left
    return right if isinstance(right, Undefined) else left + right


def _folded(values: Mapping[Place, Value], top: Sequence[Cell]) -> dict[Place, Value]:
    """The same, with all cells but the top ones in one."""
    found: dict[Place, Value] = {}
    for (number, cell), value in values.items():
        place = number, cell if cell in top else (REST,) * len(cell)
        found[place] = _plus(found.get(place, Fraction(0)), value)
    return found


def _cell(values: Sequence[str]) -> Cell:
    return tuple(value or None for value in values)


def _moment(field: str, text: str | None, calendar: Calendar) -> int | None:
    if text is None:
        return None
    try:
        return moment(text, calendar)
    except ValueError as error:
        raise BadQuestion(field, f"{text!r} is no moment; {error}") from error


def something(values: Mapping[str, Mapping[Place, Value]]) -> set[Place]:
    """The places where any part is more or less than nothing, or unknown: of the others there are no rows, whatever was
    told there and taken back. ``values`` are by the names of the parts."""
    # An Undefined is true, and a Fraction is where it is not 0; to compare it takes three times as long.
    return {place for found in values.values() for place, value in found.items() if value}


def _grid(question: Question, values: Mapping[str, Mapping[Place, Value]], count: int) -> list[Place]:
    """Every period with every cell that has something in any; only what there is, where cells are entities."""
    some = something(values)
    if any(name in ENTITIES for name in question.by):
        return sorted(some, key=lambda place: (place[0], _key(place[1])))
    cells = sorted({cell for _, cell in some}, key=_key) if question.by else [()]
    return [(number, cell) for number in range(count) for cell in cells]


def _key(cell: Cell) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, value or "") for value in cell)


def _ordered(question: Question, rows: list[Row]) -> list[Row]:
    """In the order asked for, the undefined last; at most as many as asked for."""
    order = question.order or "period"
    falling, name = order.startswith("-"), order.lstrip("-")
    rows = sorted(rows, key=lambda row: REST in row.cell)
    if name == "value":
        known = [row for row in rows if isinstance(row.value, Fraction)]
        known.sort(key=lambda row: row.value, reverse=falling)  # type: ignore[arg-type,return-value]
        rows = known + [row for row in rows if not isinstance(row.value, Fraction)]
        rows = sorted(rows, key=lambda row: REST in row.cell)
    elif name == "period":
        rows = sorted(rows, key=lambda row: row.period.from_ms, reverse=falling)
    else:
        place = question.by.index(name)
        rows = sorted(rows, key=lambda row: _key((row.cell[place],)), reverse=falling)
    return rows if question.rest else rows[: question.limit]
