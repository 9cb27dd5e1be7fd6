"""How postings are read: calendar, currencies, exchange rates, pipelines and who is in place, as known at a cut.

These are folded from their events at question time, so they follow both clocks like everything else.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

from events.corrections import EventVoided
from events.envelope import Fact, to_moment, to_ms, to_text
from events.people import RepAssigned, RepLeft
from events.planning import CalendarDefined, FxRateSet, PipelineDefined
from projections.books.shelf import order
from projections.exchange import ALWAYS_MS, Fx, Rates, by_moment, by_period, unconverted

KINDS: Final = ("calendar", "rates", "pipeline", "rep", "voiding")
"""The kinds of event that definitions are made of, but for targets, which are many and seldom asked for."""

WEEKEND: Final = (5, 6)


@dataclass
class Calendar:
    """The tenant's days: time zone, start of week and year, working days, and the currency of the company.

    Before the first definition the first one holds. A date named twice is what the later statement says.
    """

    zones: list[tuple[int, ZoneInfo]]
    currency: str
    week_start: int = 0
    """0 Monday … 6 Sunday."""
    fiscal_year_start: int = 1
    """The month in which the fiscal year begins; it is called by the calendar year in which it ends."""
    working: dict[date, bool] = field(default_factory=dict)

    def zone(self, at_ms: int) -> ZoneInfo:
        """The zone in force at a moment."""
        place = bisect_right(self.zones, at_ms, key=lambda zone: zone[0])
        return self.zones[max(place - 1, 0)][1]

    def text(self, at_ms: int) -> str:
        """A moment as the tenant's clocks show it, in ISO 8601 with its offset."""
        return to_text(at_ms, self.zone(at_ms))

    def midnight(self, day: date) -> int:
        """The moment at which a day begins, in milliseconds."""
        noon = to_ms(datetime.combine(day, time(12), UTC))
        return to_ms(datetime.combine(day, time(), self.zone(noon)).astimezone(UTC))

    def day(self, at_ms: int) -> date:
        """The day a moment belongs to."""
        return to_moment(at_ms).astimezone(self.zone(at_ms)).date()

    def stretch(self, period: str) -> tuple[int, int]:
        """From when up to when a period is: ``2026``, ``2026-Q4``, ``2026-11``, ``FY2026`` or ``FY2026-Q1``."""
        first, months = self.period(period)
        count = first.year * 12 + first.month - 1 + months
        return self.midnight(first), self.midnight(date(count // 12, count % 12 + 1, 1))

    def period(self, text: str) -> tuple[date, int]:
        """The first day of such a period, and its months."""
        name, _, rest = text.partition("-")
        fiscal = name.startswith("FY")
        year, first = int(name.removeprefix("FY")), self.fiscal_year_start if fiscal else 1
        year -= first > 1
        months = 12 if not rest else 3 if rest.startswith("Q") else 1
        count = year * 12 + first - 1 + (0 if not rest else (int(rest.removeprefix("Q")) - 1) * months)
        return date(count // 12, count % 12 + 1, 1), months

    def is_working(self, day: date) -> bool:
        """Monday to Friday, unless a definition says otherwise (holidays, 调休)."""
        return self.working.get(day, day.weekday() not in WEEKEND)

    def working_days(self, first: date, end: date) -> int:
        """Working days from ``first`` up to, not including, ``end``."""
        return self.worked(end.toordinal()) - self.worked(first.toordinal()) if first < end else 0

    def worked(self, ordinal: int) -> int:
        """Working days before a day (``date.toordinal``) since the first of all, which was a Monday."""
        weeks, rest = divmod(ordinal - 1, 7)
        days, changed = self._exceptions
        return weeks * (7 - len(WEEKEND)) + min(rest, WEEKEND[0]) + changed[bisect_left(days, ordinal)]

    @cached_property
    def _exceptions(self) -> tuple[list[int], list[int]]:
        """The days that are not as the week has them, and by how much those before each change the count."""
        days = sorted(day for day, working in self.working.items() if working != (day.weekday() not in WEEKEND))
        changes = accumulate((1 if self.working[day] else -1 for day in days), initial=0)
        return [day.toordinal() for day in days], list(changes)


@dataclass(frozen=True)
class Stint:
    """A rep in place with one team, region and manager, for a while."""

    rep_id: str
    team_id: str
    region: str
    manager_id: str
    from_ms: int
    to_ms: int | None
    event: int
    """The position of its rep.assigned."""


class Definitions:
    """All definitions known at a cut; ``facts`` are the events of ``KINDS`` up to it, ``targets`` gives its targets."""

    def __init__(
        self,
        facts: Iterable[Fact],
        *,
        timezone: str,
        currency: str,
        targets: Callable[[], Iterable[Fact]] = tuple,
    ) -> None:
        known = sorted(facts, key=order)
        voided = {(f.data.source, f.data.id) for f in known if isinstance(f.data, EventVoided)}
        self.facts: Final = [f for f in known if (f.source, f.id) not in voided or isinstance(f.data, EventVoided)]
        self.voided: Final = voided
        self._timezone, self._currency, self._read_targets = timezone, currency, targets
        self.calendar: Final = _calendar(self._of(CalendarDefined), timezone, currency)
        self._fx: Fx = "day"
        self._now_ms: int | None = None
        """Where the organisation of now is asked for."""
        self._views: dict[tuple[int | None, Fx], Definitions] = {}
        self._rates: dict[tuple[Fx, str], Rates] = {}
        self._pipelines: dict[int, dict[tuple[str, str], tuple[int, Fraction | None]]] = {}
        """By how many of their definitions were in force."""

    def of_kind(self, kind: str) -> list[Fact]:
        """The facts of one of ``KINDS`` that count."""
        return self._targets if kind == "target" else [fact for fact in self.facts if fact.kind == kind]

    @cached_property
    def _targets(self) -> list[Fact]:
        return [fact for fact in sorted(self._read_targets(), key=order) if (fact.source, fact.id) not in self.voided]

    def taking(self, kind: str, other: "Definitions") -> "Definitions":
        """These definitions, with those of one kind as the other has them."""
        kept = [fact for fact in self.facts if fact.kind not in (kind, EventVoided.KIND)]
        facts = self.facts if kind == "target" else kept + other.of_kind(kind)
        read = (other if kind == "target" else self)._read_targets
        return Definitions(facts, timezone=self._timezone, currency=self._currency, targets=read)

    def _of(self, kind: type) -> list[Fact]:
        return self._by_type.get(kind, [])

    @cached_property
    def _by_type(self) -> dict[type, list[Fact]]:
        found: dict[type, list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(type(fact.data), []).append(fact)
        return found

    def seen(self, org: str, fx: Fx, now_ms: int) -> "Definitions":
        """The same as a question sees them: organised as they are now, or with other rates than those of the day."""
        if org != "now" and fx == "day":
            return self
        key = now_ms if org == "now" else None, fx
        if key not in self._views:
            view = copy(self)
            view._now_ms, view._fx = key
            view.__dict__.pop("assignments", None)
            view.__dict__.pop("stints", None)
            self._views[key] = view
        return self._views[key]

    def rates(self, quote: str) -> Rates:
        """Rates into ``quote`` (of the day, unless seen otherwise), by currency: (in force from, rate), in order."""
        if (self._fx, quote) not in self._rates:
            self._rates[self._fx, quote] = self._rates_of(self._fx, quote)
        return self._rates[self._fx, quote]

    def _rates_of(self, fx: Fx, quote: str) -> Rates:
        facts = self._of(FxRateSet)
        if fx == "day":
            return by_moment(facts, quote)
        return unconverted(quote) if fx == "none" else by_period(map(self._of_period, facts), quote, fx)

    def _of_period(self, fact: Fact) -> tuple[Fact, tuple[int, int] | None]:
        rate = fact.data
        assert isinstance(rate, FxRateSet)
        return fact, None if rate.period is None else self.calendar.stretch(rate.period)

    def rate(self, base: str, quote: str, at_ms: int) -> Fraction | None:
        """What one of ``base`` was worth in ``quote`` at a moment."""
        known = [(ALWAYS_MS, Fraction(1))] if base == quote else self.rates(quote).get(base, [])
        place = bisect_right(known, at_ms, key=lambda rate: rate[0])
        return (known[place - 1][1] or None) if place else None

    def pipelines(self, at_ms: int) -> dict[tuple[str, str], tuple[int, Fraction | None]]:
        """(pipeline, stage) to its place in the order and its probability, by the definitions in force.

        Before the first definition of a pipeline that one holds.
        """
        known = bisect_right(self._of(PipelineDefined), at_ms, key=lambda fact: fact.at_ms)
        if known not in self._pipelines:
            self._pipelines[known] = self._pipelines_at(at_ms)
        return self._pipelines[known]

    def _pipelines_at(self, at_ms: int) -> dict[tuple[str, str], tuple[int, Fraction | None]]:
        found: dict[str, PipelineDefined] = {}
        for fact in self._of(PipelineDefined):
            pipeline = fact.data
            assert isinstance(pipeline, PipelineDefined)
            if fact.at_ms <= at_ms or pipeline.pipeline not in found:
                found[pipeline.pipeline] = pipeline
        return {
            (name, stage.stage): (place, None if stage.probability is None else Fraction(stage.probability))
            for name, pipeline in found.items()
            for place, stage in enumerate(pipeline.stages)
        }

    @cached_property
    def assignments(self) -> list[tuple[int, RepAssigned]]:
        """Every assignment and when it came into force; the last of one rep and moment. Seen now: each rep's last."""
        found = {}
        for fact in self._of(RepAssigned):
            assert isinstance(fact.data, RepAssigned)
            if self._now_ms is None:
                found[fact.entity, fact.at_ms] = fact.data
            elif fact.at_ms <= self._now_ms:
                found[fact.entity, ALWAYS_MS] = fact.data
        return [(at_ms, assigned) for (_, at_ms), assigned in found.items()]

    @cached_property
    def stints(self) -> list[Stint]:
        """Who was in place, where, from when to when; by rep, in order."""
        found: list[Stint] = []
        standing: dict[str, tuple[Fact, RepAssigned]] = {}
        for fact in self.facts:
            if not isinstance(fact.data, RepAssigned | RepLeft):
                continue
            if fact.entity in standing:
                found.append(_stint(*standing.pop(fact.entity), fact.at_ms))
            if isinstance(fact.data, RepAssigned):
                standing[fact.entity] = fact, fact.data
        found += [_stint(fact, assigned, None) for fact, assigned in standing.values()]
        if self._now_ms is not None:
            latest = {assigned.rep_id: assigned for _, assigned in self.assignments}
            found = [_moved(stint, latest[stint.rep_id]) for stint in found if stint.rep_id in latest]
        return sorted(found, key=lambda stint: (stint.rep_id, stint.from_ms))


def _stint(fact: Fact, assigned: RepAssigned, to_ms: int | None) -> Stint:
    places = assigned.team_id or "", assigned.region or "", assigned.manager_id or ""
    return Stint(assigned.rep_id, *places, fact.at_ms, to_ms, fact.position)


def _moved(stint: Stint, to: RepAssigned) -> Stint:
    """The same stint where its rep belongs later."""
    return replace(stint, team_id=to.team_id or "", region=to.region or "", manager_id=to.manager_id or "")


def _calendar(facts: list[Fact], timezone: str, currency: str) -> Calendar:
    calendar = Calendar(zones=[], currency=currency)
    for fact in facts:
        told = fact.data
        assert isinstance(told, CalendarDefined)
        if told.timezone is not None:
            calendar.zones.append((fact.at_ms, ZoneInfo(told.timezone)))
        calendar.currency = told.currency or calendar.currency
        if told.week_start is not None:
            calendar.week_start = {"monday": 0, "saturday": 5, "sunday": 6}[told.week_start]
        calendar.fiscal_year_start = told.fiscal_year_start or calendar.fiscal_year_start
        calendar.working |= {date.fromisoformat(day): False for day in told.holidays or ()}
        calendar.working |= {date.fromisoformat(day): True for day in told.workdays or ()}
    calendar.zones = calendar.zones or [(0, ZoneInfo(timezone))]
    return calendar
