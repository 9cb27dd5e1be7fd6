"""From a part and a question to one SELECT with bound parameters.

Rows are summed between the edges of the windows asked for, so each posting is read once however many periods there
are; putting windows together from these sums is exact and left to ``projections.ask``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Any, Final

from events.currencies import EXPONENTS
from projections.definitions import Calendar, Definitions
from projections.formula import Part
from projections.lookup import Steps, held, steps, text_of
from projections.periods import FOREVER, Period, a_year_before, days_before, wall_ms
from projections.question import Question
from projections.sources import KNOWN, Source, nearest_rank, together

_ORG: Final = ("team_id", "region", "manager_id")
_OF_CUSTOMER: Final = ("region", "segment")
_NEVER: Final = "toInt64(9000000000000000)"
_RATE: Final = held("fx", "p.currency", "p.basis_ms")
"""The number of the rate of each amount, by its own time; 0: there is none."""
_RATED_AT: Final = f"if(rate != 0, {_NEVER} + rate, p.basis_ms)"
"""The rate, above all moments, or the moment of a line that has none: only such lines of one moment may cancel."""
_UNRATED: Final = f"if(rate != 0, {_NEVER}, p.basis_ms)"
_CONVERTED: Final = f"greatest(toInt256OrZero({text_of('fx_rates', 'rate')}), 1)"
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
        rates, self.scale = _scaled(definitions.rates(currency), currency)
        self._rate_steps: Final = steps(rates, 0)
        self.base: Final = {"tenant": tenant, "cut": position}

    def select(self, parts: Sequence[Part], windows: Sequence[Span]) -> Select:
        """Rows of (edge or window number, dims…, [currency, unrated moment], [pipeline, stage, own], values…).

        The parts share their source, window and kind of statistic; there is a value for each. Amounts are summed by
        currency and rate first, and converted as sums.
        """
        source = together(part.source for part in parts if part.source)
        money = any(part.unit == "money" for part in parts)
        groups = ["place AS bucket" if source.lasts else f"{self._bucket(source)} AS bucket", *self._dims(source)]
        if money:
            groups += ["p.currency AS currency", f"{_RATED_AT} AS rated_at"]
        if parts[0].weighted:
            groups += [f"{expression} AS its_{name}" for name, expression in _WEIGHT.items()]
        if any(part.source is not source for part in parts):
            parts = [replace(part, expression=_only(part)) for part in parts]
        sql = _aggregate(parts, groups, self._body(source, parts))
        sql = self._converted(parts, f"WITH {_RATE} AS rate {sql}") if money else sql
        return _select(sql, self._parameters(source, windows))

    def _converted(self, parts: Sequence[Part], sums: str) -> str:
        """Sums by rate as sums of converted amounts."""
        groups = ["bucket", *(f"by{place}" for place in range(len(self._question.by)))]
        groups += [f"if(rated_at < {_NEVER}, currency, '')", f"least(rated_at, {_NEVER})"]
        groups += [f"its_{name}" for name in _WEIGHT] if parts[0].weighted else []
        values = (
            f"sum(toInt256(value{place}) * {_CONVERTED})" if part.unit == "money" else f"sum(value{place})"
            for place, part in enumerate(parts)
        )
        rate = f"WITH greatest(rated_at - {_NEVER}, 0) AS rate"
        return f"{rate} SELECT {', '.join(groups)}, {', '.join(values)} FROM ({sums}) GROUP BY ALL"

    def listed(self, parts: Sequence[Part], window: Span, cell: Sequence[str | None], since: int = 0) -> Select:
        """Rows of (book, entity, customer, currency, unrated moment, pipeline, stage, own, for each part its event and
        what is counted once, values…).

        They are what makes one cell, with the lines that came to nothing. The parts are those that ``listed_together``
        put together; there is a value for each. Of lines that are added, those after ``since``.
        """
        told = [*self._whose(parts), *self._reckoned(parts[0])]
        for part in parts:
            told += [f"p.{part.evidence}", f"p.{part.key}" if part.stat == "distinct" else "''"]
        return self._rows_of(parts, told, window, cell, since)

    def whose(self, parts: Sequence[Part], window: Span, cell: Sequence[str | None]) -> Select:
        """Rows of (book, entity, customer) whose histories these rows come from."""
        return self._rows_of(parts, self._whose(parts), window, cell, valued=False)

    def _rows_of(
        self, parts: Sequence[Part], told: Sequence[str], window: Span, cell: Sequence[str | None], since: int = 0,
        valued: bool = True,
    ) -> Select:  # fmt: skip
        """Rows of what is told of the rows of one cell, ``its_0`` …, and of what they add, ``value0`` …"""
        source = parts[0].source
        assert source is not None
        names = [f"{expression} AS its_{place}" for place, expression in enumerate(told)]
        names += [f"{_contribution(each)} AS value{place}" for place, each in enumerate(parts) if valued]
        rate = f"WITH {_RATE} AS rate " if parts[0].unit == "money" and valued else ""
        body = f"{self._body(source, parts, each=True)}{self._matching(source)}"
        new = " AND position > {since:UInt64}" if since and all(part.adds_lines for part in parts) else ""
        sql = f"{rate}SELECT {', '.join(names)} {body}{new} GROUP BY ALL"
        return _select(sql, self._parameters(source, [window]) | _cell_values(cell) | {"since": since})

    @staticmethod
    def _whose(parts: Sequence[Part]) -> tuple[str, ...]:
        assert parts[0].source is not None
        return "p.book", "p.entity", "p.customer" if parts[0].source.profiled else "''"

    @staticmethod
    def _reckoned(part: Part) -> list[str]:
        """What the value of a row depends on: its currency, its moment where no rate is known, and its weight."""
        told = ["p.currency", _UNRATED] if part.unit == "money" else ["''", "0"]
        return [*told, *(_WEIGHT.values() if part.weighted else ("''", "''", "0"))]

    def left_out(self, source: Source, which: str, window: Span, cell: Sequence[str | None]) -> Select:
        """Rows of (event, book, entity) that might be expected in a cell of this source but do not count."""
        where = f"{KNOWN} AND {which} AND {_WITHIN}{self._filters(source)}{self._matching(source)}"
        sql = f"SELECT p.event, p.book, p.entity FROM {{postings}} AS p WHERE {where} GROUP BY ALL"
        sql += " HAVING sum(p.count) > 0"
        return _select(sql, self._parameters(source, [window]) | _cell_values(cell))

    def _body(self, source: Source, parts: Sequence[Part], each: bool = False) -> str:
        """Where the rows come from, and which of them are asked for; whether of ``each`` event."""
        if source.which:
            rows = f"{{postings}} AS p WHERE {KNOWN} AND {source.which} AND "
        else:
            rows = f"{self._rows(source, parts, each)} WHERE "
        return f"FROM {rows}{self._within(source)}{self._filters(source)}"

    def _matching(self, source: Source) -> str:
        return "".join(
            f" AND ({_named(expression)}) = {{cell{place}:String}}"
            for place, expression in enumerate(self._dims(source))
        )

    def _rows(self, source: Source, parts: Sequence[Part], each: bool) -> str:
        expressions = " ".join(part.expression for part in parts)
        extra = [
            name for name in ("category", "kind", "measure", "outcome", "since_ms", "until_ms") if name in expressions
        ]
        extra += ["pipeline", "stage", "probability_ppm"] if parts[0].weighted else []
        extra += ["event"] if each and source.adds_up else []
        wanted = tuple(dict.fromkeys([*self._wanted(source), *extra]))
        if source.covers:
            wanted = (*(self._of_customer(source, name) for name in wanted), *(["event"] if each else []))
            windows = "{places:Array(Int64)} AS place, {starts:Array(Int64)} AS s, {ends:Array(Int64)} AS e"
            return f"({source.sql(wanted)}) AS p ARRAY JOIN {windows}"
        if not source.lasts:
            return f"({source.sql(wanted)}) AS p"
        lasting = f"SELECT * EXCEPT places, arrayJoin(places) AS place FROM ({source.sql(wanted)})"
        window = "{starts:Array(Int64)}[place + 1] AS s, {ends:Array(Int64)}[place + 1] AS e"
        return f"(SELECT *, {window} FROM ({lasting})) AS p"

    def _asked(self, source: Source) -> list[str]:
        told = [*self._question.by, *(name for name, _ in self._question.where)]
        return [name for name in dict.fromkeys(told) if name.startswith("attributes.") or name in source.dims]

    def _wanted(self, source: Source) -> tuple[str, ...]:
        """The columns the question needs of this source."""
        if source.within:
            return tuple(f"{self._resolved(source, name)} AS told{n}" for n, name in enumerate(self._asked(source)))
        names = ["attributes" if name.startswith("attributes.") else name for name in self._asked(source)]
        names = [name for name in names if name != "currency"]
        if "rep_id" in source.dims and any(name in _ORG for name in names):
            names.append("rep_id")
        return tuple(name for name in dict.fromkeys(names))

    def _of_customer(self, source: Source, name: str) -> str:
        """A dimension of customers as their source wants it: with where a line belongs, before it is made a row."""
        if name not in _OF_CUSTOMER:
            return name
        told = self._placed(source, name) if name == "region" else f"p.{name}"
        return f"toString({told}) AS {name}"

    def _expression(self, source: Source, name: str) -> str:
        return f"p.told{self._asked(source).index(name)}" if source.within else self._resolved(source, name)

    def _resolved(self, source: Source, name: str) -> str:
        """What is asked of a line or row ``p``."""
        if name.startswith("attributes."):
            return f"p.attributes[{{key{self._asked(source).index(name)}:String}}]"
        if source.profiled:
            return f"p.{name}"
        if "rep_id" in source.dims and name == "manager_id":
            return _of_rep(name, source)
        if "rep_id" in source.dims and name in _ORG:
            return self._placed(source, name)
        return f"p.{name}"

    def _placed(self, source: Source, name: str) -> str:
        """Where a line belongs: as it was told, else as its rep did; or, where that is asked for, the other way."""
        own, of_rep = f"p.{name}", _of_rep(name, source)
        first, then = (own, of_rep) if self._question.org == "event" else (of_rep, own)
        return f"if({first} != '', {first}, {then})"

    def _dims(self, source: Source) -> list[str]:
        told = [f"toString({self._expression(source, name)})" for name in self._question.by]
        if self.top is not None:
            key = "concat('', " + ", char(31), ".join(told) + ")"
            apart = {"currency"} if self._question.fx == "none" else set()
            told = [
                each if name in apart else f"if(has({{top:Array(String)}}, {key}), {each}, char(29))"
                for name, each in zip(self._question.by, told, strict=True)
            ]
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
            return source.covers or "1"
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
        if source.lasts:
            told |= {"wall_starts": [wall_ms(window.start, self._definitions.calendar) for window in windows]}
            told |= {"wall_ends": [wall_ms(window.end, self._definitions.calendar) for window in windows]}
        told |= self._looked_up(source)
        told |= self._stages(max(window.end for window in windows))
        for place, (_, values) in enumerate(self._question.where):
            told[f"where{place}"] = list(values)
        for place, name in enumerate(self._asked(source)):
            told[f"key{place}"] = name.removeprefix("attributes.")
        return told

    def _looked_up(self, source: Source) -> dict[str, Any]:
        """Assignments in force, which fill what an event does not tell of its rep's place, and exchange rates."""
        rates = self._rate_steps
        told = rates.parameters("fx") | {"fx_rates": [str(rate) for rate in rates.values]}
        asked = tuple(name for name in _ORG if name in self._asked(source))
        assigned = _assigned(self._definitions, asked)
        told |= assigned.parameters("org")
        return told | {f"org_{name}": [value[number] for value in assigned.values] for number, name in enumerate(asked)}

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


@lru_cache(maxsize=16)
def _assigned(definitions: Definitions, asked: tuple[str, ...]) -> Steps:
    """Who belonged where from when on, of what questions need of it: the same for all at one cut."""
    told: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
    for at_ms, each in definitions.assignments:
        told.setdefault(each.rep_id, []).append((at_ms, tuple(getattr(each, name) or "" for name in asked)))
    return steps(told, ("",) * len(asked))


def _of_rep(name: str, source: Source) -> str:
    """Where its rep belonged at the moment that counts for a row."""
    return text_of(f"org_{name}", held("org", "p.rep_id", f"p.{source.placed}"))


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
        return f"sum(toInt128({_amount(part)}))"
    if part.stat == "sum":
        return f"sum({part.expression})" if part.unit == "count" else f"sum(toInt128({part.expression}))"
    condition = f" AND ({part.condition})" if part.condition else ""
    return f"sumIf(n, its_number = 0{condition}) + uniqExactIf(its_number, its_number != 0{condition})"


def _contribution(part: Part) -> str:
    """What an event adds to a part."""
    if part.unit == "money":
        return f"sum(toInt256({_amount(part)}) * {_CONVERTED})"
    if part.stat == "distinct":
        return f"countIf({part.condition or 'p.count > 0'})"
    return _value(part) if part.stat == "sum" else f"sum(toInt128(p.count * ({part.expression})))"


def listed_together(parts: Iterable[Part]) -> list[list[Part]]:
    """Parts whose evidence lies in the same rows."""
    groups: dict[tuple[object, ...], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.source, part.window, part.unit == "money", part.weighted), []).append(part)
    return list(groups.values())


def _amount(part: Part) -> str:
    """What a line adds, its deal's own probability in it."""
    own = " * if(p.probability_ppm < 0, 1, p.probability_ppm)" if part.weighted else ""
    return f"{part.expression}{own}" if not own else f"toInt128({part.expression}){own}"


def _cell_values(cell: Sequence[str | None]) -> dict[str, str]:
    return {f"cell{place}": value or "" for place, value in enumerate(cell)}


def _named(group: str) -> str:
    return group.rpartition(" AS ")[0]
