"""Days: which ones are worked, how much is going on, and how a moment is written.

A moment is a number of seconds on the clock of Shanghai since 1970; a day is a number of days since 1970.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)

HOLIDAYS: Final = {
    2023: "01-01/01-02 01-21/01-27 04-05 04-29/05-03 06-22/06-24 09-29/10-06 12-30/12-31",
    2024: "01-01 02-10/02-17 04-04/04-06 05-01/05-05 06-10 09-15/09-17 10-01/10-07",
    2025: "01-01 01-28/02-04 04-04/04-06 05-01/05-05 05-31/06-02 10-01/10-08",
    2026: "01-01/01-03 02-15/02-23 04-04/04-06 05-01/05-05 06-19/06-21 09-25/09-27 10-01/10-07",
}
"""Public holidays of China. A year that is missing has none: the days are announced each November."""

WORKDAYS: Final = {
    2023: "01-28 01-29 04-23 05-06 06-25 10-07 10-08",
    2024: "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12",
    2025: "01-26 02-08 04-27 09-28 10-11",
    2026: "01-04 02-14 02-28 05-09 09-20 10-10",
}
"""Days of weekends that are worked in exchange (调休)."""

_WEEKDAYS: Final = (1.0, 1.05, 1.05, 1.0, 0.9, 0.25, 0.2)
"""How much demand a weekday brings, Monday first."""
_MONTHS: Final = (0.95, 0.92, 1.12, 1.0, 0.98, 1.12, 0.92, 0.95, 1.1, 1.0, 1.2, 1.05)
_GROWTH_A_YEAR: Final = 0.16
_HOLIDAY_DEMAND: Final = 0.15
_FESTIVAL_DAYS: Final = 7
"""A holiday this long in January or February is the Spring Festival."""
_RUSH_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the company's life."""

    number: int
    date: date
    working: bool
    """In China."""
    weekday: bool
    """Monday to Friday, which is what EMEA works."""
    demand: float
    """How much is going on; 1 on an ordinary working day of the first year."""
    rush: bool
    """The last two weeks of a quarter, when everything is to be signed."""

    @property
    def at(self) -> int:
        """The moment at which it begins."""
        return self.number * DAY_S


class Almanac:
    """The days from ``start`` up to, not including, ``end``."""

    def __init__(self, start: date, end: date) -> None:
        days = range((start - _EPOCH).days, (end - _EPOCH).days)
        self.days: Final = [_day(number, number - days.start) for number in days]
        self.first: Final = days.start
        self.last: Final = days.stop - 1

    def next_working(self, number: int, *, china: bool) -> int:
        """The first working day at or after a day; beyond the end, the day itself."""
        while number <= self.last:
            day = self.days[number - self.first]
            if day.working if china else day.weekday:
                break
            number += 1
        return number


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - _EPOCH).days


def to_date(number: int) -> date:
    """The date of a day."""
    return _EPOCH + timedelta(days=number)


def dates(told: str, year: int) -> list[date]:
    """The dates that a line of ``HOLIDAYS`` or ``WORKDAYS`` names."""
    found: list[date] = []
    for part in told.split():
        first, _, last = part.partition("/")
        day, end = date.fromisoformat(f"{year}-{first}"), date.fromisoformat(f"{year}-{last or first}")
        found += [day + timedelta(days=i) for i in range((end - day).days + 1)]
    return found


def _day(number: int, age: int) -> Day:
    day = to_date(number)
    weekday = day.weekday() < 5
    holiday = day in dates(HOLIDAYS.get(day.year, ""), day.year)
    working = not holiday and (weekday or day in dates(WORKDAYS.get(day.year, ""), day.year))
    demand = _MONTHS[day.month - 1] * (1 + _GROWTH_A_YEAR * age / 365) * _festival(day)
    demand *= _HOLIDAY_DEMAND if holiday else _WEEKDAYS[0 if working and not weekday else day.weekday()]
    rush = day.month % 3 == 0 and (day + timedelta(days=_RUSH_DAYS)).month != day.month
    return Day(number, day, working, weekday, demand, rush)


def _festival(day: date) -> float:
    """The dip around the Spring Festival: a week before it business slows down, ten days later it is back."""
    for part in HOLIDAYS.get(day.year, "").split():
        span = dates(part, day.year)
        if span[0].month > 2 or len(span) < _FESTIVAL_DAYS:
            continue
        if span[0] - timedelta(days=7) <= day <= span[-1]:
            return 0.5
        since = (day - span[-1]).days
        if 0 < since <= 10:
            return 0.5 + 0.05 * since
    return 1.0


_MINUTES: Final = [f"T{minute // 60:02d}:{minute % 60:02d}:" for minute in range(1440)]
_SECONDS: Final = [f"{second:02d}+08:00" for second in range(60)]


class Stamp:
    """Writes moments: ``2024-03-05T09:30:00+08:00``. It remembers the days it has written."""

    __slots__ = ("_days",)

    def __init__(self) -> None:
        self._days: dict[int, str] = {}

    def __call__(self, at: int) -> str:
        number, rest = divmod(at, DAY_S)
        day = self._days.get(number)
        if day is None:
            day = self._days[number] = to_date(number).isoformat()
        minute, second = divmod(rest, 60)
        return day + _MINUTES[minute] + _SECONDS[second]
