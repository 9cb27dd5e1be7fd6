"""From a part and a question to one SELECT with bound parameters.

Rows are summed between the edges of the windows asked for, so each posting is read once however many periods there
are; putting windows together from these sums is exact and left to ``projections.ask``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from projections.definitions import Calendar, Definitions
from projections.formula import Part
from projections.periods import FOREVER, Period, a_year_before, wall_ms
from projections.question import Question
from projections.sources import Source, postings, standing, together

_ORG: Final = ("team_id", "region", "manager_id")
_OF_CUSTOMER: Final = ("region", "segment")
_NEVER: Final = "toInt64(9000000000000000)"
_RATE_EDGE: Final = f"""if(
    p.basis_ms < transform(p.currency, {{fx_currencies:Array(String)}}, {{fx_firsts:Array(Int64)}}, {_NEVER}),
    p.basis_ms, roundDown(p.basis_ms, {{fx_edges:Array(Int64)}}))"""
"""From when on the rate of a line holds. Lines without a rate stay apart by moment: only those of one moment cancel."""
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

    def __init__(self, question: Question, tenant: str, position: int, definitions: Definitions, currency: str) -> None:
        self._question = question
        self._definitions = definitions
        self.currency: Final = currency
        self.rates: Final = definitions.rates(currency)
        self.fx_edges: Final = [FOREVER[0], *sorted({at for rates in self.rates.values() for at, _ in rates})]
        self.base: Final = {"tenant": tenant, "cut": position}

    def select(self, parts: Sequence[Part], windows: Sequence[Span]) -> Select:
        """Rows of (edge or window number, dims…, [currency, rate edge], [pipeline, stage, probability], values…).

        The parts share their source, window and kind of statistic; there is a value for each.
        """
        source = together(part.source for part in parts if part.source)
        groups = ["p.place AS bucket" if source.covers else f"{self._bucket(source)} AS bucket", *self._dims(source)]
        if any(part.unit == "money" for part in parts):
            groups += ["p.currency AS currency", f"if(currency = {{currency:String}}, 0, {_RATE_EDGE}) AS rate_edge"]
        if parts[0].weighted:
            groups += ["p.pipeline AS its_pipeline", "p.stage AS its_stage", "p.probability_ppm AS its_ppm"]
        if any(part.source is not source for part in parts):
            parts = [replace(part, expression=_only(part)) for part in parts]
        body = f"FROM {self._rows(source, parts)} WHERE {self._within(source)}{self._filters(source)}"
        return Select(_aggregate(parts, groups, body), self._parameters(source, windows))

    def evidence(self, part: Part, window: Span, cell: Sequence[str | None]) -> Select:
        """Rows of (event, book, entity, customer, currency, rate edge, pipeline, stage, probability, contribution).

        They are what makes one cell, with the lines that came to nothing.
        """
        source = part.source
        assert source is not None
        money = ("p.currency", _RATE_EDGE) if part.unit == "money" else ("''", "0")
        weight = ("p.pipeline", "p.stage", "p.probability_ppm") if part.weighted else ("''", "''", "-1")
        customer = "p.customer" if source.covers else "''"
        told = (f"p.{part.evidence}", "p.book", "p.entity", customer, *money, *weight)
        groups = ", ".join(f"{expression} AS its_{place}" for place, expression in enumerate(told))
        counted = f"countIf({part.condition or 'p.count > 0'})"
        value = {"sum": f"sum({part.expression})", "median": f"any({part.expression})"}.get(part.stat, counted)
        where = f"{self._within(source)}{self._filters(source)}{self._matching(source)}"
        rows = self._rows(source, [part])
        sql = f"SELECT {groups}, {value} AS contribution FROM {rows} WHERE {where} GROUP BY ALL ORDER BY its_0"
        return Select(sql, self._parameters(source, [window]) | _cell_values(cell))

    def left_out(self, source: Source, which: str, window: Span, cell: Sequence[str | None]) -> Select:
        """Rows of (event, book, entity) that might be expected in a cell of this source but do not count."""
        rows = f"({postings(which, self._wanted(source))}) AS p{self._organisation(source)}"
        where = f"{_WITHIN}{self._filters(source)}{self._matching(source)}"
        sql = f"SELECT p.event, p.book, p.entity FROM {rows} WHERE {where} GROUP BY ALL HAVING sum(p.count) > 0"
        parameters = self._parameters(source, [window])
        return Select(sql, parameters | _cell_values(cell))

    def _matching(self, source: Source) -> str:
        return "".join(
            f" AND ({_named(expression)}) = {{cell{place}:String}}"
            for place, expression in enumerate(self._dims(source))
        )

    def _rows(self, source: Source, parts: Sequence[Part]) -> str:
        expressions = " ".join(part.expression for part in parts)
        extra = [name for name in ("category", "kind", "measure", "outcome") if name in expressions]
        extra += ["pipeline", "stage", "probability_ppm"] if parts[0].weighted else []
        wanted = tuple(dict.fromkeys([*self._wanted(source), *extra]))
        if not source.covers:
            return f"({source.sql(wanted)}) AS p{self._organisation(source)}"
        windows = "{starts:Array(Int64)} AS s, {ends:Array(Int64)} AS e, {places:Array(Int64)} AS place"
        standing = f"SELECT *, s, e, place FROM ({source.sql(wanted)}) ARRAY JOIN {windows} WHERE {source.covers}"
        return f"({standing}) AS p{self._profiles(source)}{self._organisation(source)}"

    def _asked(self, source: Source) -> list[str]:
        told = [*self._question.by, *(name for name, _ in self._question.where)]
        return [name for name in dict.fromkeys(told) if name.startswith("attributes.") or name in source.dims]

    def _wanted(self, source: Source) -> tuple[str, ...]:
        """The columns the question needs of this source."""
        names = ["attributes" if name.startswith("attributes.") else name for name in self._asked(source)]
        if "rep_id" in source.dims and any(name in _ORG for name in names):
            names.append("rep_id")
        if source.covers and "region" in names:
            names += ["rep_id", "basis_ms"]
        return tuple(name for name in dict.fromkeys(names))

    def _organisation(self, source: Source) -> str:
        """Assignments in force fill what an event does not tell of its rep's team and region."""
        of_reps = "rep_id" in source.dims or source.covers
        if not of_reps or not any(name in _ORG for name in self._asked(source)):
            return ""
        return """ ASOF LEFT JOIN (
            SELECT each.1 AS a_rep, each.2 AS a_ms, each.3 AS a_team_id, each.4 AS a_region, each.5 AS a_manager_id
            FROM (SELECT arrayJoin(arrayZip({a_reps:Array(String)}, {a_ms:Array(Int64)}, {a_teams:Array(String)},
                {a_regions:Array(String)}, {a_managers:Array(String)})) AS each)) AS a
            ON p.rep_id = a.a_rep AND p.basis_ms >= a.a_ms"""

    def _assignments(self) -> dict[str, Any]:
        """Who belonged where from when on."""
        told = self._definitions.assignments()
        return {
            "a_ms": self._definitions.assigned_ms(),
            "a_reps": [each.rep_id for each in told],
            "a_teams": [each.team_id or "" for each in told],
            "a_regions": [each.region or "" for each in told],
            "a_managers": [each.manager_id or "" for each in told],
        }

    def _profiles(self, source: Source) -> str:
        """The customer's region and segment in force at the window."""
        if not any(name in _OF_CUSTOMER for name in self._asked(source)):
            return ""
        stood = standing("measure = 'profile'", ("customer", "at_ms", "event", *_OF_CUSTOMER))
        latest = ", ".join(f"argMax({name}, event) AS f_{name}" for name in _OF_CUSTOMER)
        moment = "p.s" if "from_ms" in source.covers else "p.e"
        return f""" ASOF LEFT JOIN (
            SELECT customer AS f_customer, at_ms AS f_ms, {latest} FROM ({stood}) GROUP BY f_customer, f_ms) AS f
            ON p.customer = f.f_customer AND {moment} > f.f_ms"""

    def _expression(self, source: Source, name: str) -> str:
        if name.startswith("attributes."):
            return f"p.attributes[{{key{self._asked(source).index(name)}:String}}]"
        if source.covers and name in _OF_CUSTOMER:
            told = "if(p.region != '', p.region, a.a_region)" if name == "region" else "p.segment"
            return f"if(f.f_{name} != '', f.f_{name}, {told})"
        if "rep_id" in source.dims and name == "manager_id":
            return "a.a_manager_id"
        if "rep_id" in source.dims and name in _ORG:
            return f"if(p.{name} != '', p.{name}, a.a_{name})"
        return f"p.{name}"

    def _dims(self, source: Source) -> list[str]:
        return [
            f"toString({self._expression(source, name)}) AS by{place}" for place, name in enumerate(self._question.by)
        ]

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
        if source.covers:
            return "1"
        if not source.local:
            return _WITHIN
        return f"if(p.local = 1, p.at_ms >= {{wall_lo:Int64}} AND p.at_ms < {{wall_hi:Int64}}, {_WITHIN})"

    def _parameters(self, source: Source, windows: Sequence[Span]) -> dict[str, Any]:
        between = edges(windows)
        wall = [wall_ms(edge, self._definitions.calendar) for edge in between] if source.local else between
        told: dict[str, Any] = dict(self.base) | {"edges": between, "lo": between[0], "hi": between[-1]}
        told |= {"wall_edges": wall, "wall_lo": wall[0], "wall_hi": wall[-1]}
        told |= {"starts": [window.start for window in windows], "ends": [window.end for window in windows]}
        told |= {"places": list(range(len(windows)))}
        told |= {"currency": self.currency, "fx_edges": self.fx_edges}
        told["fx_currencies"] = list(self.rates) or [""]
        told["fx_firsts"] = [rates[0][0] for rates in self.rates.values()] or [FOREVER[1]]
        told |= self._stages(max(window.end for window in windows)) | self._assignments()
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


def _aggregate(parts: Sequence[Part], groups: list[str], body: str) -> str:
    told = ", ".join(groups)
    if all(part.stat != "median" for part in parts):
        values = ", ".join(f"{_value(part)} AS value{place}" for place, part in enumerate(parts))
        return f"SELECT {told}, {values} {body} GROUP BY ALL"
    names = ", ".join(group.rpartition(" AS ")[2] for group in groups)
    median = next(part for part in parts if part.stat == "median")
    keys = ", ".join(f"p.{key.strip()}" for key in median.key.split(","))
    one = f"SELECT {told}, any({median.expression}) AS one, sum(p.count) AS n {body} GROUP BY {names}, {keys}"
    values = ", ".join(_MEDIAN if part.stat == "median" else "sum(n)" for part in parts)
    return f"SELECT {names}, {values} FROM ({one}) GROUP BY ALL"


_MEDIAN: Final = "quantileExactInclusiveIf(0.5)(one, n > 0)"


def _only(part: Part) -> str:
    """What a part adds, among the rows of others."""
    assert part.source is not None
    return f"if({part.source.which}, {part.expression}, 0)"


def _value(part: Part) -> str:
    if part.stat == "sum":
        return f"sum({part.expression})" if part.unit == "count" else f"sum(toInt128({part.expression}))"
    return f"uniqExactIf(p.{part.key}, {part.condition})" if part.condition else f"uniqExact(p.{part.key})"


def _cell_values(cell: Sequence[str | None]) -> dict[str, str]:
    return {f"cell{place}": value or "" for place, value in enumerate(cell)}


def _named(group: str) -> str:
    return group.rpartition(" AS ")[0]
