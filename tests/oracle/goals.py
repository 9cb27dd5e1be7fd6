"""Targets and what they are held against, for the oracle."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from events.people import RepAssigned
from events.planning import TargetSet
from tests.oracle.days import BEGINNING, END, Stretch
from tests.oracle.deals import Span
from tests.oracle.kpis import FORMULAS as FORMULAS_OF
from tests.oracle.kpis import PARTS as PARTS_OF
from tests.oracle.kpis import REFUNDS, SALES
from tests.oracle.past import Past
from tests.oracle.window import Cell, Part, Query, Value, Window, combined, no

ADDS_UP: Final = frozenset(
    "bookings revenue cost gross_profit spend net_profit leads_created leads_qualified deals_created deals_won "
    "deals_lost new_customers churned_customers touchpoints".split()
)
MONEY: Final = frozenset("bookings revenue cost gross_profit spend net_profit average_deal_size".split())
SCOPES: Final = {"team_id": "team", "rep_id": "rep", "region": "region", "product": "product"}


def scope(query: Query) -> str:
    """The dimension of the targets; empty for the company's."""
    named = [*query.by, *(name for name, _ in query.where)]
    return "rep_id" if "rep_id" in named else next((name for name in named if name in SCOPES), "")


def of_reps(past: Past, query: Query, end: int) -> Query:
    """Of targets of reps by where they belong: the same of those who do right before the end, or now."""
    places = {name: values for name, values in query.where if name in ("team_id", "region", "manager_id")}
    if query.kpi not in PARTS or not places or scope(query) != "rep_id":
        return query
    known = {told.scope_id or "" for _, told in past.of(TargetSet) if told.scope == "rep"}
    known |= {told.rep_id for _, told in past.of(RepAssigned)}
    there = []
    for rep in sorted(known & {*dict(query.where).get("rep_id", known)}):
        dims = past.placed({"rep_id": rep}, min(end - 1, past.recorded_ms))
        if all((dims.get(name) or "") in values for name, values in places.items()):
            there.append(rep)
    kept = [each for each in query.where if each[0] not in places and each[0] != "rep_id"]
    return replace(query, where=(*kept, ("rep_id", tuple(there))))


def standing(window: Window) -> dict[tuple[str, str], dict[tuple[int, int], TargetSet]]:
    """The targets asked for: by KPI and whose, by from when to when."""
    dim, where = scope(window.query), dict(window.query.where)
    found: dict[tuple[str, str], dict[tuple[int, int], TargetSet]] = {}
    for _, told in window.past.of(TargetSet):
        asked = told.scope == SCOPES.get(dim, "company") and told.kpi in where.get("kpi", (told.kpi,))
        if asked and told.kpi in PARTS_OF and (told.scope_id or "") in where.get(dim, (told.scope_id or "",)):
            found.setdefault((told.kpi, told.scope_id or ""), {})[window.past.days.stretch(told.period, 0)] = told
    return found


def aim(window: Window, kpi: str, whose: str) -> Value:
    """The target of exactly the stretch, else the sum of the longest that fill it one after the other."""
    told = standing(window).get((kpi, whose), {})
    start, end = window.stretch.start, window.stretch.end
    if (start, end) in told:
        return worth(window, kpi, start, told[start, end])
    if kpi not in ADDS_UP:
        return no("no_target")
    total: Value = Fraction(0)
    while start < end:
        ends = [until for since, until in told if since == start and until <= end]
        if not ends:
            return no("no_target")
        one = worth(window, kpi, start, told[start, max(ends)])
        total, start = combined(lambda left, right: left + right, total, one), max(ends)
    return total


def worth(window: Window, kpi: str, start: int, told: TargetSet) -> Value:
    """A target's value; money at the rate in force when its time begins, or now."""
    if kpi not in MONEY:
        return Fraction(told.value)
    currency = told.currency or window.past.days.currency
    rate = window.past.rate(currency, window.currency, min(start, window.past.recorded_ms))
    return no("missing_rate", f"{currency}/{window.currency}") if rate is None else Fraction(told.value) * rate


def named(window: Window, cell: Cell) -> tuple[str, list[str]]:
    """The KPI of a cell, and whose targets lie in it."""
    at = dict(zip(window.query.by, cell, strict=True))
    dim = scope(window.query)
    every = [whose for kpi, whose in standing(window) if kpi == at.get("kpi", "revenue")]
    return at.get("kpi") or "revenue", [whose for whose in every if dim not in at or at[dim] == (whose or None)]


def target(window: Window, cell: Cell) -> Value:
    """What is to be reached; of several where the KPI adds up."""
    kpi, every = named(window, cell)
    known = [value for value in (aim(window, kpi, whose) for whose in every) if value != no("no_target")]
    if not known or (len(known) > 1 and kpi not in ADDS_UP):
        return no("no_target")
    return combined(lambda *values: sum(values, Fraction(0)), *known)


def measured(window: Window, cell: Cell, stretch: Stretch | None = None) -> Value:
    """The KPI of a cell, in the same stretch or another."""
    query, kpi = window.query, named(window, cell)[0]
    inner = replace(
        query,
        kpi=kpi,
        by=tuple(name for name in query.by if name != "kpi"),
        where=tuple(each for each in query.where if each[0] != "kpi"),
    )
    own = tuple(value for name, value in zip(query.by, cell, strict=True) if name != "kpi")
    of_it = Window(window.story, inner, stretch or window.stretch, window.lifespan_years)
    return combined(FORMULAS_OF[kpi], *(part(of_it, own) for part in PARTS_OF[kpi].values()))


def dates(window: Window) -> tuple[date, date]:
    """The first day of the stretch, and the one after its last."""
    days = window.past.days
    return days.local(window.stretch.start).date(), days.local(window.stretch.end - 1).date() + timedelta(days=1)


def works(window: Window, first: date, end: date) -> list[date]:
    """The working days between."""
    every = [first + timedelta(days=day) for day in range((end - first).days)]
    return [day for day in every if window.past.days.works(day)]


def gone(window: Window) -> int:
    """The working days of the stretch that are gone, today included."""
    first, end = dates(window)
    now = window.past.recorded_ms
    today = window.past.days.local(now).date() if now >= window.stretch.start else first - timedelta(days=1)
    return len([day for day in works(window, first, end) if day <= today])


def of_days(count: Callable[[Window], int]) -> Part:
    """Working days, where there is a target."""
    return lambda window, cell: Fraction(0 if target(window, cell) == no("no_target") else count(window))


def every_day(window: Window) -> int:
    """The working days of the stretch."""
    return len(works(window, *dates(window)))


def last_year(whole: bool) -> Part:
    """The same stretch of the year before, or as many working days of it as are gone."""

    def part(window: Window, cell: Cell) -> Value:
        if named(window, cell)[0] not in ADDS_UP:
            return Fraction(0)
        start, end = window.stretch.start, window.stretch.end
        if start == BEGINNING or end == END:
            return measured(window, cell)
        days = window.past.days
        first, after = (a_year_earlier(days.local(at).date()) for at in (start, end))
        if not whole and gone(window) < every_day(window):
            count = gone(window)
            worked = works(window, first, after)[:count]
            after = first if not count else worked[-1] + timedelta(days=1) if len(worked) == count else after
        return measured(window, cell, Stretch("", days.midnight(first), days.midnight(after)))

    return part


def a_year_earlier(day: date) -> date:
    """The same day of the year before."""
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def closing(window: Window, cell: Cell) -> Value:
    """Deals open at the moment that should close on a day of the period."""
    days = window.past.days
    start, end = window.stretch.start, window.stretch.end
    low = None if start == BEGINNING else days.local(start).replace(tzinfo=None)
    high = None if end == END else days.local(end).replace(tzinfo=None)

    def due(span: Span) -> bool:
        if span.expected is None:
            return False
        midnight = date.fromisoformat(span.expected)
        wall = days.local(0).replace(midnight.year, midnight.month, midnight.day, 0, 0, 0, 0, tzinfo=None)
        return (low is None or wall >= low) and (high is None or wall < high)

    here = [x for x in window.story.spans if x.since < window.moment and (x.until is None or x.until >= window.moment)]
    return window.money([(*x.amount, x.since) for x in here if due(x) and window.within(cell, x.dims)])


def cells(window: Window, inner: Sequence[Cell]) -> list[Cell]:
    """The cells of a question about targets: of each KPI that has one, all that its own question may have."""
    by = window.query.by
    if "kpi" not in by:
        whose = [(name,) if by else () for _, name in standing(window)]
        return list(dict.fromkeys([*inner, *whose]))
    place = by.index("kpi")
    found: list[Cell] = []
    for kpi, whose_ in standing(window):
        own: list[Cell] = [*inner, *([(whose_,)] if len(by) > 1 else [])]
        found += [(*cell[:place], kpi, *cell[place:]) for cell in own]
    return list(dict.fromkeys(found))


QUOTA: Final[dict[str, Part]] = {"actual": measured, "target": target}
PARTS: Final[dict[str, dict[str, Part]]] = {
    "quota_attainment": QUOTA,
    "quota_attainment/pace": QUOTA | {"days_gone": of_days(gone), "working_days": of_days(every_day)},
    "quota_attainment/pace_last_year": QUOTA | {"last_year_so_far": last_year(False), "last_year": last_year(True)},
    "pipeline_coverage": {"closing": closing, "target": target, "sales": SALES, "refunds": REFUNDS},
}
"""KPI to its parts, in the order in which its formula takes them."""


def paced(actual: Fraction, target: Fraction, part: Fraction, whole: Fraction) -> Fraction:
    """What is reached over what would be."""
    return actual / (target * part / whole)


def covered(closing: Fraction, target: Fraction, sales: Fraction, refunds: Fraction) -> Fraction:
    """What should close over what is lacking."""
    if target <= sales - refunds:
        raise ZeroDivisionError("target_reached")
    return closing / (target - sales + refunds)


FORMULAS: Final[dict[str, Callable[..., Fraction]]] = {
    "quota_attainment": lambda actual, target: actual / target,
    "quota_attainment/pace": paced,
    "quota_attainment/pace_last_year": paced,
    "pipeline_coverage": covered,
}
"""KPI to its formula over its parts."""
