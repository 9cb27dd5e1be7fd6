"""How postings are read: calendar, currencies, exchange rates, pipelines and who is in place, as known at a cut.

These are folded from their events at question time, so they follow both clocks like everything else.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from events.corrections import EventVoided
from events.envelope import Fact, to_moment, to_ms
from events.people import RepAssigned, RepLeft
from events.planning import CalendarDefined, FxRateSet, PipelineDefined
from projections.books.shelf import order

KINDS: Final = ("calendar", "rates", "pipeline", "rep", "voiding")
"""The kinds of event that definitions are made of."""

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
    working: dict[date, bool] = field(default_factory=dict)

    def zone(self, at_ms: int) -> ZoneInfo:
        """The zone in force at a moment."""
        place = bisect_right(self.zones, at_ms, key=lambda zone: zone[0])
        return self.zones[max(place - 1, 0)][1]

    def midnight(self, day: date) -> int:
        """The moment at which a day begins, in milliseconds."""
        noon = to_ms(datetime.combine(day, time(12), UTC))
        return to_ms(datetime.combine(day, time(), self.zone(noon)).astimezone(UTC))

    def day(self, at_ms: int) -> date:
        """The day a moment belongs to."""
        return to_moment(at_ms).astimezone(self.zone(at_ms)).date()

    def is_working(self, day: date) -> bool:
        """Monday to Friday, unless a definition says otherwise (holidays, 调休)."""
        return self.working.get(day, day.weekday() not in WEEKEND)

    def working_days(self, first: date, end: date) -> int:
        """Working days from ``first`` up to, not including, ``end``."""
        if end <= first:
            return 0
        weeks, rest = divmod((end - first).days, 7)
        total = weeks * (7 - len(WEEKEND))
        total += sum((first + timedelta(days=weeks * 7 + i)).weekday() not in WEEKEND for i in range(rest))
        for day, working in self.working.items():
            if first <= day < end:
                total += working - (day.weekday() not in WEEKEND)
        return total


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
    """All definitions known at a cut; ``facts`` are the events of ``KINDS`` up to it."""

    def __init__(self, facts: Iterable[Fact], *, timezone: str, currency: str) -> None:
        known = sorted(facts, key=order)
        voided = {(f.data.source, f.data.id) for f in known if isinstance(f.data, EventVoided)}
        self.facts: Final = [f for f in known if (f.source, f.id) not in voided or isinstance(f.data, EventVoided)]
        self.voided: Final = voided
        self.calendar: Final = _calendar(self._of(CalendarDefined), timezone, currency)

    def _of(self, kind: type) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact.data, kind)]

    def rates(self, quote: str) -> dict[str, list[tuple[int, Fraction]]]:
        """Day rates into ``quote``, by currency: (in force from, rate), in order."""
        found: dict[str, dict[int, Fraction]] = {}
        for fact in self._of(FxRateSet):
            rate = fact.data
            assert isinstance(rate, FxRateSet)
            if rate.quote == quote and rate.kind == "day":
                found.setdefault(rate.base, {})[fact.at_ms] = Fraction(rate.rate)
        return {base: sorted(rates.items()) for base, rates in found.items()}

    def pipelines(self, at_ms: int) -> dict[tuple[str, str], tuple[int, Fraction | None]]:
        """(pipeline, stage) to its place in the order and its probability, by the definitions in force.

        Before the first definition of a pipeline that one holds.
        """
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

    def assignments(self) -> list[RepAssigned]:
        """Every assignment, the last of one rep and moment; ``assigned_ms`` gives the moments."""
        return list(self._assignments().values())

    def assigned_ms(self) -> list[int]:
        """When each of ``assignments`` came into force."""
        return [at_ms for _, at_ms in self._assignments()]

    def _assignments(self) -> dict[tuple[str, int], RepAssigned]:
        found = {}
        for fact in self._of(RepAssigned):
            assert isinstance(fact.data, RepAssigned)
            found[fact.entity, fact.at_ms] = fact.data
        return found

    def stints(self) -> list[Stint]:
        """Who was in place, where, from when to when."""
        found: list[Stint] = []
        standing: dict[str, tuple[Fact, RepAssigned]] = {}
        for fact in self.facts:
            if not isinstance(fact.data, RepAssigned | RepLeft):
                continue
            if fact.entity in standing:
                found.append(_stint(*standing.pop(fact.entity), fact.at_ms))
            if isinstance(fact.data, RepAssigned):
                standing[fact.entity] = fact, fact.data
        return found + [_stint(fact, assigned, None) for fact, assigned in standing.values()]


def _stint(fact: Fact, assigned: RepAssigned, to_ms: int | None) -> Stint:
    places = assigned.team_id or "", assigned.region or "", assigned.manager_id or ""
    return Stint(assigned.rep_id, *places, fact.at_ms, to_ms, fact.position)


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
        calendar.working |= {date.fromisoformat(day): False for day in told.holidays or ()}
        calendar.working |= {date.fromisoformat(day): True for day in told.workdays or ()}
    calendar.zones = calendar.zones or [(0, ZoneInfo(timezone))]
    return calendar
