"""Targets: what is to be reached, by when, by whom; the last statement for the same counts.

A target is for a year, quarter or month of the calendar, or for a fiscal year or quarter. A stretch of time that none
was set for has the sum of those that fill it without a gap, where the KPI is one that adds up over time.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Final

from events.currencies import EXPONENTS
from events.planning import TargetSet
from projections.definitions import Calendar, Definitions
from projections.formula import Undefined, Value
from projections.kpi import Kpi

SCOPES: Final = {"rep": "rep_id", "team": "team_id", "region": "region", "product": "product"}
"""Scopes below the company, and the dimension of each. Where several are named, the first is asked for."""


@dataclass(frozen=True)
class Target:
    """One target that stands at a cut."""

    kpi: str
    scope: str
    scope_id: str
    """Empty for the company."""
    from_ms: int
    to_ms: int
    value: Fraction
    """In major units of ``currency``, where it is money."""
    currency: str
    event: int
    """The position of its target.set."""
    entity: str


@dataclass
class Aims:
    """The targets of one KPI for one scope, every period's."""

    by_stretch: dict[tuple[int, int], Target] = field(default_factory=dict)
    by_start: dict[int, list[Target]] = field(default_factory=dict)
    """In order of their ends."""

    def add(self, target: Target) -> None:
        """One more, in place of one for the same stretch."""
        self.by_stretch[target.from_ms, target.to_ms] = target
        others = [each for each in self.by_start.get(target.from_ms, []) if each.to_ms != target.to_ms]
        self.by_start[target.from_ms] = sorted([*others, target], key=lambda each: each.to_ms)

    def filling(self, from_ms: int, to_ms: int, adds_up: bool) -> list[Target]:
        """The target of exactly this stretch, else those that fill it, longest first; none where there is a gap."""
        exact = self.by_stretch.get((from_ms, to_ms))
        if exact is not None or not adds_up:
            return [] if exact is None else [exact]
        found: list[Target] = []
        while from_ms < to_ms:
            following = self.by_start.get(from_ms, [])
            inside = bisect_right(following, to_ms, key=lambda each: each.to_ms)
            if not inside:
                return []
            found.append(following[inside - 1])
            from_ms = found[-1].to_ms
        return found


@lru_cache(maxsize=4)
def targets(definitions: Definitions) -> Mapping[str, Mapping[tuple[str, str], Aims]]:
    """Every target that stands: by scope (``company`` …), then by its KPI and whose it is, in order."""
    found: dict[str, dict[tuple[str, str], Aims]] = {}
    calendar = definitions.calendar
    stretches: dict[str, tuple[int, int]] = {}
    for fact in definitions.of_kind("target"):
        told = fact.data
        assert isinstance(told, TargetSet)
        if told.period not in stretches:
            stretches[told.period] = calendar.stretch(told.period)
        whose = told.scope_id or ""
        found.setdefault(told.scope, {}).setdefault((told.kpi, whose), Aims()).add(
            Target(told.kpi, told.scope, whose, *stretches[told.period], Fraction(told.value),
                   told.currency or calendar.currency, fact.position, fact.entity)
        )  # fmt: skip
    return {scope: dict(sorted(aims.items())) for scope, aims in found.items()}


def worth(known: Sequence[Target], kpi: Kpi, currency: str, definitions: Definitions, now_ms: int) -> Value:
    """The sum of some targets; money in minor units of ``currency``, at the rate in force when each begins, or now."""
    if not known:
        return Undefined("no_target")
    if kpi.unit != "money":
        return sum((each.value for each in known), Fraction(0))
    total = Fraction(0)
    for each in known:
        if each.currency == currency:
            total += each.value
            continue
        rate = definitions.rate(each.currency, currency, min(each.from_ms, now_ms))
        if rate is None:
            return Undefined("missing_rate", f"{each.currency}/{currency}")
        total += each.value * rate
    scale: int = 10 ** EXPONENTS[currency]
    return total * scale


def days_gone(from_ms: int, to_ms: int, now_ms: int, calendar: Calendar) -> tuple[int, int]:
    """The working days of a stretch that are gone, today included, and all of them."""
    first, end = calendar.day(from_ms), calendar.day(to_ms - 1).toordinal() + 1
    today = min(calendar.day(now_ms).toordinal() + 1, end) if now_ms >= from_ms else first.toordinal()
    since = calendar.worked(first.toordinal())
    return calendar.worked(today) - since, calendar.worked(end) - since


def after_days(first: date, days: int, end: date, calendar: Calendar) -> date:
    """The day after so many working days from ``first`` on; ``end`` where there are fewer."""
    day = first
    while days > 0 and day < end:
        days -= calendar.is_working(day)
        day = date.fromordinal(day.toordinal() + 1)
    return day if days <= 0 else end
