"""From a part and a question to one SELECT with bound parameters.

Rows are summed between the edges of the windows asked for, so each posting is read once however many periods there
are; putting windows together from these sums is exact and left to ``projections.ask``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Any, Final

from events.currencies import EXPONENTS
from projections.definitions import Calendar, Definitions
from projections.formula import Part
from projections.periods import FOREVER, Period, a_year_before, days_before, wall_ms
from projections.question import Question
from projections.sources import Source, nearest_rank, postings, standing, together

_ORG: Final = ("team_id", "region", "manager_id")
_OF_CUSTOMER: Final = ("region", "segment")
_NEVER: Final = "toInt64(9000000000000000)"
_UNRATED: Final = f"if(x.fx_rate != 0, {_NEVER}, p.basis_ms)"
"""The moment of a line that has no rate. Such lines stay apart by moment: only those of one moment cancel."""
RATED: Final = 9_000_000_000_000_000
"""What stands for that moment where there is a rate."""
_WEIGHT: Final = {
    "pipeline": "if(p.probability_ppm < 0, p.pipeline, '')",
    "stage": "if(p.probability_ppm < 0, p.stage, '')",
    "own": "p.probability_ppm >= 0",
}
"""Whose probability a line is weighted with: its stage's, or its deal's own, which the engine multiplies with."""
TRAILING_DAYS: Final = 90
REST: Final = "\x1d"
"""What stands for all that is not told apart: no name has such a character."""
_WITHIN: Final = "p.at_ms >= {lo:Int64} AND p.at_ms < {hi:Int64}"


@dataclass(frozen=True)
class Span:
    """From ``start`` up to, not including, ``end``, in milliseconds."""

    start: int
    end: int


@dataclass(frozen=True)
class Select:
    """A statement and its parameters."""

    sql: str
    parameters: Mapping[str, Any]


def spans(part: Part, periods: Sequence[Period], now_ms: int, calendar: Calendar) -> list[Span]:
    """The window of the part for each period. What stands does so at the period's end, or now if that comes first."""
    found = []
    for period in periods:
        end = min(period.to_ms, now_ms + 1)
        match part.window:
            case "point":
                found.append(Span(FOREVER[0], end))
            case "before":
                found.append(Span(FOREVER[0], min(period.from_ms, end)))
            case "so_far":
                found.append(Span(min(period.from_ms, end), end))
            case "quarter":
                found.append(Span(days_before(end, TRAILING_DAYS, calendar), end))
            case "year" | "year_start":
                found.append(Span(a_year_before(end, calendar), end))
            case _:
                found.append(Span(period.from_ms, period.to_ms))
    return found


def edges(windows: Sequence[Span]) -> list[int]:
    """Every start and end of the windows, in order, each once."""
    return sorted({edge for window in windows for edge in (window.start, window.end)})


class Planner:
    """Builds the statements of one question."""

    def __init__(
        self, question: Question, tenant: str, position: int, now_ms: int, definitions: Definitions, currency: str
    ) -> None:
        self._question = question
        self._now_ms = now_ms
        self.top: Sequence[tuple[str | None, ...]] | None = None
        """The cells that are told apart, where all others are one."""
        self._definitions = definitions
        self.currency: Final = currency
        self._rates, self.scale = _scaled(definitions.rates(currency), currency)
        self.base: Final = {"tenant": tenant, "cut": position}

    def select(self, parts: Sequence[Part], windows: Sequence[Span]) -> Select:
        """Rows of (edge or window number, dims…, [currency, unrated moment], [pipeline, stage, own], values…).

        The parts share their source, window and kind of statistic; there is a value for each.
        """
        source = together(part.source for part in parts if part.source)
        groups = ["p.place AS bucket" if source.lasts else f"{self._bucket(source)} AS bucket", *self._dims(source)]
        if any(part.unit == "money" for part in parts):
            groups += ["p.currency AS currency", f"{_UNRATED} AS unrated_ms"]
        if parts[0].weighted:
            groups += [f"{expression} AS its_{name}" for name, expression in _WEIGHT.items()]
        if any(part.source is not source for part in parts):
            parts = [replace(part, expression=_only(part)) for part in parts]
        body = f"FROM {self._rows(source, parts)} WHERE {self._within(source)}{self._filters(source)}"
        return _select(_aggregate(parts, groups, body), self._parameters(source, windows))

    def evidence(self, part: Part, window: Span, cell: Sequence[str | None]) -> Select:
        """Rows of (event, book, entity, what is counted once, currency, unrated moment, pipeline, stage, own, value).

        They are what makes one cell, with the lines that came to nothing.
        """
        source = part.source
        assert source is not None
        money = ("p.currency", _UNRATED) if part.unit == "money" else ("''", "0")
        weight = _WEIGHT.values() if part.weighted else ("''", "''", "0")
        subject = f"p.{part.key}" if part.stat == "distinct" else "p.customer" if source.profiled else "''"
        told = (f"p.{part.evidence}", "p.book", "p.entity", subject, *money, *weight)
        groups = ", ".join(f"{expression} AS its_{place}" for place, expression in enumerate(told))
        counted = f"countIf({part.condition or 'p.count > 0'})"
        value = {"sum": _value(part), "distinct": counted}.get(part.stat, f"any({part.expression})")
        where = f"{self._within(source)}{self._filters(source)}{self._matching(source)}"
        rows = self._rows(source, [part])
        sql = f"SELECT {groups}, {value} AS contribution FROM {rows} WHERE {where} GROUP BY ALL ORDER BY its_0"
        return _select(sql, self._parameters(source, [window]) | _cell_values(cell))

    def left_out(self, source: Source, which: str, window: Span, cell: Sequence[str | None]) -> Select:
        """Rows of (event, book, entity) that might be expected in a cell of this source but do not count."""
        rows = f"({postings(which, self._wanted(source))}) AS p{self._organisation(source)}"
        where = f"{_WITHIN}{self._filters(source)}{self._matching(source)}"
        sql = f"SELECT p.event, p.book, p.entity FROM {rows} WHERE {where} GROUP BY ALL HAVING sum(p.count) > 0"
        return _select(sql, self._parameters(source, [window]) | _cell_values(cell))

    def _matching(self, source: Source) -> str:
        return "".join(
            f" AND ({_named(expression)}) = {{cell{place}:String}}"
            for place, expression in enumerate(self._dims(source))
        )

    def _rows(self, source: Source, parts: Sequence[Part]) -> str:
        expressions = " ".join(part.expression for part in parts)
        extra = [
            name for name in ("category", "kind", "measure", "outcome", "since_ms", "until_ms") if name in expressions
        ]
        extra += ["pipeline", "stage", "probability_ppm"] if parts[0].weighted else []
        wanted = tuple(dict.fromkeys([*self._wanted(source), *extra]))
        if not source.lasts:
            return f"({source.sql(wanted)}) AS p{self._organisation(source)}{_exchange(parts)}"
        each = f"SELECT * EXCEPT places, arrayJoin(places) AS place FROM ({source.sql(wanted)})"
        window = "{starts:Array(Int64)}[place + 1] AS s, {ends:Array(Int64)}[place + 1] AS e"
        standing = f"SELECT *, {window} FROM ({each})"
        profiles = self._profiles(source) if source.profiled else ""
        return f"({standing}) AS p{profiles}{self._organisation(source)}{_exchange(parts)}"

    def _asked(self, source: Source) -> list[str]:
        told = [*self._question.by, *(name for name, _ in self._question.where)]
        return [name for name in dict.fromkeys(told) if name.startswith("attributes.") or name in source.dims]

    def _wanted(self, source: Source) -> tuple[str, ...]:
        """The columns the question needs of this source."""
        names = ["attributes" if name.startswith("attributes.") else name for name in self._asked(source)]
        names = [name for name in names if name != "currency"]
        if "rep_id" in source.dims and any(name in _ORG for name in names):
            names.append("rep_id")
        if source.profiled and "region" in names:
            names += ["rep_id", "basis_ms"]
        return tuple(name for name in dict.fromkeys(names))

    def _organisation(self, source: Source) -> str:
        """Assignments in force fill what an event does not tell of its rep's team and region."""
        of_reps = "rep_id" in source.dims or source.profiled
        if not of_reps or not any(name in _ORG for name in self._asked(source)):
            return ""
        return f""" ASOF LEFT JOIN {_table("assigned", "a_rep", "a_ms", "a_team_id", "a_region", "a_manager_id")} AS a
            ON p.rep_id = a.a_rep AND p.{source.placed} >= toInt64OrZero(a.a_ms)"""

    def _assigned(self, source: Source) -> str:
        """Who belonged where from when on, of what the question needs of it."""
        asked = self._asked(source)
        return _rows_of(
            (each.rep_id, at_ms, *((getattr(each, name) or "") if name in asked else "" for name in _ORG))
            for at_ms, each in self._definitions.assignments
        )

    def _profiles(self, source: Source) -> str:
        """The customer's region and segment in force at the window."""
        if not any(name in _OF_CUSTOMER for name in self._asked(source)):
            return ""
        stood = standing("measure = 'profile'", ("customer", "at_ms", "event", *_OF_CUSTOMER))
        latest = ", ".join(f"argMax({name}, event) AS f_{name}" for name in _OF_CUSTOMER)
        moment = "p.s" if source.lasts == "start" else "p.e"
        return f""" ASOF LEFT JOIN (
            SELECT customer AS f_customer, at_ms AS f_ms, {latest} FROM ({stood}) GROUP BY f_customer, f_ms) AS f
            ON p.customer = f.f_customer AND {moment} > f.f_ms"""

    def _expression(self, source: Source, name: str) -> str:
        if name.startswith("attributes."):
            return f"p.attributes[{{key{self._asked(source).index(name)}:String}}]"
        if source.profiled and name in _OF_CUSTOMER:
            told = self._placed("region") if name == "region" else "p.segment"
            return f"if(f.f_{name} != '', f.f_{name}, {told})"
        if "rep_id" in source.dims and name == "manager_id":
            return "a.a_manager_id"
        if "rep_id" in source.dims and name in _ORG:
            return self._placed(name)
        return f"p.{name}"

    def _placed(self, name: str) -> str:
        """Where a line belongs: as it was told, else as its rep did; or, where that is asked for, the other way."""
        own, of_rep = f"p.{name}", f"a.a_{name}"
        first, then = (own, of_rep) if self._question.org == "event" else (of_rep, own)
        return f"if({first} != '', {first}, {then})"

    def _dims(self, source: Source) -> list[str]:
        told = [f"toString({self._expression(source, name)})" for name in self._question.by]
        if self.top is not None:
            key = "concat('', " + ", char(31), ".join(told) + ")"
            told = [f"if(has({{top:Array(String)}}, {key}), {each}, char(29))" for each in told]
        return [f"{each} AS by{place}" for place, each in enumerate(told)]

    def _filters(self, source: Source) -> str:
        return "".join(
            f" AND {self._expression(source, name)} IN {{where{place}:Array(String)}}"
            for place, (name, _) in enumerate(self._question.where)
        )

    @staticmethod
    def _bucket(source: Source) -> str:
        plain = "roundDown(p.at_ms, {edges:Array(Int64)})"
        if not source.local:
            return plain
        wall = (
            "transform(roundDown(p.at_ms, {wall_edges:Array(Int64)}), {wall_edges:Array(Int64)}, {edges:Array(Int64)})"
        )
        return f"if(p.local = 1, {wall}, {plain})"

    @staticmethod
    def _within(source: Source) -> str:
        if source.lasts:
            return "1"
        if not source.local:
            return _WITHIN
        return f"if(p.local = 1, p.at_ms >= {{wall_lo:Int64}} AND p.at_ms < {{wall_hi:Int64}}, {_WITHIN})"

    def _parameters(self, source: Source, windows: Sequence[Span]) -> dict[str, Any]:
        between = edges(windows)
        wall = [wall_ms(edge, self._definitions.calendar) for edge in between] if source.local else between
        told: dict[str, Any] = {"top": ["\x1f".join(value or "" for value in cell) for cell in self.top or ()]}
        told |= dict(self.base) | {"edges": between, "lo": between[0], "hi": between[-1]}
        told |= {"wall_edges": wall, "wall_lo": wall[0], "wall_hi": wall[-1]}
        told |= {"starts": [window.start for window in windows], "ends": [window.end for window in windows]}
        told |= {"places": list(range(len(windows))), "now": self._now_ms + 1}
        told |= {"wall_starts": [wall_ms(window.start, self._definitions.calendar) for window in windows]}
        told |= {"wall_ends": [wall_ms(window.end, self._definitions.calendar) for window in windows]}
        told["rates"] = _rows_of((name, *rate) for name, rates in self._rates.items() for rate in rates)
        told["assigned"] = self._assigned(source)
        told |= self._stages(max(window.end for window in windows))
        for place, (_, values) in enumerate(self._question.where):
            told[f"where{place}"] = list(values)
        for place, name in enumerate(self._asked(source)):
            told[f"key{place}"] = name.removeprefix("attributes.")
        return told

    def _stages(self, at_ms: int) -> dict[str, Any]:
        """The order of stages, for what counts as a later one: a table of ranks, its first row and column empty."""
        defined = self._definitions.pipelines(at_ms)
        pipelines = sorted({pipeline for pipeline, _ in defined})
        stages = sorted({stage for _, stage in defined})
        ranks = [
            defined.get((pipeline, stage), (-1, None))[0] for pipeline in ["", *pipelines] for stage in ["", *stages]
        ]
        width = len(stages) + 1
        return {
            "pipelines": pipelines or [""],
            "pipeline_rows": [width * row for row in range(1, len(pipelines) + 1)] or [0],
            "stages": stages or [""],
            "stage_columns": list(range(1, width)) or [0],
            "ranks": ranks,
        }


def _scaled(
    rates: Mapping[str, Sequence[tuple[int, Fraction]]], quote: str
) -> tuple[dict[str, list[tuple[int, int]]], int]:
    """Rates between minor units as whole numbers, all over one denominator, by currency: (in force from, numerator).

    So amounts are converted and summed exactly by the engine. Lines without an amount name no currency.
    """
    units = 10 ** EXPONENTS[quote]
    found = {
        base: [(at_ms, rate * Fraction(units, 10 ** EXPONENTS[base])) for at_ms, rate in told]
        for base, told in rates.items()
        if base != quote
    }
    scale = lcm(*(rate.denominator for told in found.values() for _, rate in told))
    whole = {base: [(at_ms, int(rate * scale)) for at_ms, rate in told] for base, told in found.items()}
    return whole | {base: [(FOREVER[0], scale)] for base in (quote, "")}, scale


def _exchange(parts: Sequence[Part]) -> str:
    """The rate of each amount, by its own time."""
    if all(part.unit != "money" for part in parts):
        return ""
    return f""" ASOF LEFT JOIN (
            SELECT fx_currency, toInt64(fx_ms) AS fx_ms, toInt256(fx_rate) AS fx_rate
            FROM {_table("rates", "fx_currency", "fx_ms", "fx_rate")}) AS x
            ON p.currency = x.fx_currency AND p.basis_ms >= x.fx_ms"""


def _rows_of(rows: Iterable[Sequence[object]]) -> str:
    """A small table as one text: no name has such separators, and one text is bound much faster than many."""
    return "\x1e".join("\x1f".join(map(str, row)) for row in rows)


def _table(parameter: str, *columns: str) -> str:
    """The rows of a parameter that ``_rows_of`` made, as texts."""
    told = ", ".join(f"each[{place}] AS {name}" for place, name in enumerate(columns, 1))
    each = f"arrayJoin(splitByChar(char(30), {{{parameter}:String}}))"
    return f"(SELECT {told} FROM (SELECT splitByChar(char(31), {each}) AS each))"


def _select(sql: str, parameters: Mapping[str, Any]) -> Select:
    """With the parameters it names: each costs time to bind."""
    return Select(sql, {name: value for name, value in parameters.items() if f"{{{name}:" in sql})


def _aggregate(parts: Sequence[Part], groups: list[str], body: str) -> str:
    told = ", ".join(groups)
    if all(part.stat not in _RANKED for part in parts):
        values = ", ".join(f"{_value(part)} AS value{place}" for place, part in enumerate(parts))
        return f"SELECT {told}, {values} {body} GROUP BY ALL"
    names = ", ".join(group.rpartition(" AS ")[2] for group in groups)
    ranked = next(part for part in parts if part.stat in _RANKED)
    keys = ", ".join(f"p.{key.strip()}" for key in ranked.key.split(","))
    one = f"SELECT {told}, any({ranked.expression}) AS one, sum(p.count) AS n {body} GROUP BY {names}, {keys}"
    values = ", ".join(_RANKED.get(part.stat, "sum(n)") for part in parts)
    return f"SELECT {names}, {values} FROM ({one}) GROUP BY ALL"


_RANKED: Final = {
    "median": "quantileExactInclusiveIf(0.5)(one, n > 0)",
    "p90": f"if(countIf(n > 0) = 0, nan, toFloat64({nearest_rank('groupArrayIf(one, n > 0)')}))",
}
"""Statistics of what is in order, by name."""


def _only(part: Part) -> str:
    """What a part adds, among the rows of others."""
    assert part.source is not None
    return f"if({part.source.which}, {part.expression}, 0)"


def _value(part: Part) -> str:
    if part.stat == "sum" and part.unit == "money":
        own = " * if(p.probability_ppm < 0, 1, p.probability_ppm)" if part.weighted else ""
        return f"sum(toInt256({part.expression}) * greatest(x.fx_rate, 1){own})"
    if part.stat == "sum":
        return f"sum({part.expression})" if part.unit == "count" else f"sum(toInt128({part.expression}))"
    return f"uniqExactIf(p.{part.key}, {part.condition})" if part.condition else f"uniqExact(p.{part.key})"


def _cell_values(cell: Sequence[str | None]) -> dict[str, str]:
    return {f"cell{place}": value or "" for place, value in enumerate(cell)}


def _named(group: str) -> str:
    return group.rpartition(" AS ")[0]
