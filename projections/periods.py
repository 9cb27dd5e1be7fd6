"""Periods: a stretch of time cut into hours, days, weeks, months, quarters, years, in the tenant's zone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

from events.envelope import RFC_3339, to_moment, to_ms
from projections.definitions import Calendar

GRAINS: Final = ("hour", "day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year", "total")
MOST: Final = 20_000
"""The most periods one answer may have."""
FOREVER: Final = (-(10**15), 10**15)
"""Unbounded, in milliseconds."""


@dataclass(frozen=True)
class Period:
    """From ``from_ms`` up to, not including, ``to_ms``."""

    label: str
    from_ms: int
    to_ms: int


class TooManyPeriods(Exception):
    """The stretch has more periods of this grain than an answer may have."""


def periods(grain: str, from_ms: int, to_ms: int, calendar: Calendar) -> list[Period]:
    """The periods of a stretch, in order; the first and last are clipped to it. Raises TooManyPeriods."""
    if grain == "total":
        return [Period("total", from_ms, to_ms)]
    found: list[Period] = []
    for label, start, end in _steps(grain, from_ms, calendar):
        if start >= to_ms:
            return found
        if len(found) == MOST:
            raise TooManyPeriods(f"has more than {MOST} periods of one {grain}")
        found.append(Period(label, max(start, from_ms), min(end, to_ms)))
    return found


def running(grain: str, at_ms: int, calendar: Calendar) -> Period:
    """The whole period that a moment lies in."""
    name, start, end = next(_steps(grain, at_ms, calendar))
    return Period(name, start, end)


def _steps(grain: str, from_ms: int, calendar: Calendar) -> Iterator[tuple[str, int, int]]:
    if grain == "hour":
        yield from _hours(from_ms, calendar)
        return
    day = first_day(grain, calendar.day(from_ms), calendar)
    start = calendar.midnight(day)
    while True:
        after = next_day(grain, day)
        end = calendar.midnight(after)
        yield label(grain, day, calendar.fiscal_year_start), start, end
        day, start = after, end


def _hours(from_ms: int, calendar: Calendar) -> Iterator[tuple[str, int, int]]:
    local = to_moment(from_ms).astimezone(calendar.zone(from_ms))
    start = from_ms - (local.minute * 60 + local.second) * 1000 - local.microsecond // 1000
    while True:
        moment = to_moment(start).astimezone(calendar.zone(start))
        yield moment.isoformat(timespec="minutes"), start, start + 3_600_000
        start += 3_600_000


def first_day(grain: str, day: date, calendar: Calendar) -> date:
    """The first day of the period that ``day`` lies in."""
    match grain:
        case "week":
            return day - timedelta(days=(day.weekday() - calendar.week_start) % 7)
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            return day.replace(month=1, day=1)
        case "fiscal_quarter" | "fiscal_year":
            length = 3 if grain == "fiscal_quarter" else 12
            return add_months(day.replace(day=1), -((day.month - calendar.fiscal_year_start) % length))
    return day


def next_day(grain: str, day: date) -> date:
    """The first day of the next period."""
    months = {"month": 1, "quarter": 3, "year": 12, "fiscal_quarter": 3, "fiscal_year": 12}.get(grain)
    if months is None:
        return day + timedelta(days=7 if grain == "week" else 1)
    return add_months(day, months)


def add_months(day: date, months: int) -> date:
    """The same day that many months on; the last day of the month where there is none."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def label(grain: str, day: date, fiscal_year_start: int = 1) -> str:
    """How the period that begins on ``day`` is called: ``2026-Q4``, ``2026-11``, ``2026-W47``, ``FY2026-Q1``."""
    fiscal = day.year + (fiscal_year_start > 1 and day.month >= fiscal_year_start)
    match grain:
        case "fiscal_year":
            return f"FY{fiscal:04d}"
        case "fiscal_quarter":
            return f"FY{fiscal:04d}-Q{(day.month - fiscal_year_start) % 12 // 3 + 1}"
        case "week":
            year, week, weekday = day.isocalendar()
            return f"{year}-W{week:02d}" if weekday == 1 else f"{day.isoformat()}/P7D"
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year:04d}-Q{(day.month + 2) // 3}"
        case "year":
            return f"{day.year:04d}"
    return day.isoformat()


_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?|-Q([1-4]))?\Z", re.ASCII)
_FISCAL: Final = re.compile(r"FY(\d{4})(-Q[1-4])?\Z", re.ASCII)


_ALLOWED: Final = (
    'allowed: "2026-11-22", "2026-11", "2026-Q4", "2026", "FY2026", "FY2026-Q4" or RFC 3339 with an offset, each from '
    "1900 to 2299"
)


def moment(text: str, calendar: Calendar) -> int:
    """The moment a text names: a day, month, quarter or year begins at midnight of the tenant's zone.

    Raises ValueError, in words, for anything else.
    """
    try:
        return _moment(text.upper(), calendar)
    except ValueError:
        raise ValueError(_ALLOWED) from None


def _moment(text: str, calendar: Calendar) -> int:
    if not "1900" <= text.removeprefix("FY")[:4] <= "2299":
        raise ValueError
    if _FISCAL.match(text):
        return calendar.midnight(calendar.period(text)[0])
    if RFC_3339.match(text):
        return to_ms(datetime.fromisoformat(text).astimezone(UTC))
    found = _DATE.match(text)
    if not found:
        raise ValueError
    year, month, day, quarter = found.groups()
    month = str(int(quarter) * 3 - 2) if quarter else month or "1"
    return calendar.midnight(date(int(year), int(month), int(day or 1)))


def a_year_before(at_ms: int, calendar: Calendar) -> int:
    """The moment twelve months earlier, by the tenant's calendar."""
    if at_ms in FOREVER:
        return at_ms
    local = to_moment(at_ms).astimezone(calendar.zone(at_ms))
    earlier = datetime.combine(add_months(local.date(), -12), local.time())
    return to_ms(earlier.replace(tzinfo=calendar.zone(at_ms)).astimezone(UTC))


def earlier(stretch: Sequence[Period], grain: str, compare: str, calendar: Calendar) -> list[Period]:
    """What each of these periods is compared with: the one before it (``previous``), or that of a year before.

    A year before are the same dates, by the clock on the wall; 29 February is compared with the 28th, and whole months
    with whole months. Weeks are those of 52 weeks before, so that weekdays meet. So two periods may be compared with
    the same day, and 29 February with none. A whole stretch that begins and ends with months has as many months before
    it, else as many days.
    """
    if compare == "year" and grain != "week":
        return [_year_before(each, grain, calendar) for each in stretch]
    months, days = {"month": 1, "week": 0, "day": 0, "hour": 0}.get(grain, 3 if "quarter" in grain else 12), 0
    if compare == "year":
        days = 364
    elif grain == "total":
        first, end = calendar.day(stretch[0].from_ms), calendar.day(stretch[0].to_ms)
        months = (end.year - first.year) * 12 + end.month - first.month if first.day == end.day == 1 else 0
        days = 0 if months else (end - first).days
    else:
        days = {"week": 7, "day": 1}.get(grain, 0)
    if not months and not days:
        length = stretch[0].to_ms - stretch[0].from_ms if grain == "total" else 3_600_000
        return [_period(grain, each.from_ms - length, each.to_ms - length, calendar) for each in stretch]
    edges = [_earlier(each.from_ms, months, days, calendar) for each in stretch]
    edges.append(_earlier(stretch[-1].to_ms, months, days, calendar))
    return [_period(grain, start, end, calendar) for start, end in pairwise(edges)]


def _year_before(period: Period, grain: str, calendar: Calendar) -> Period:
    """From the same date and time as the first moment up to those of the last."""
    first, last = calendar.day(period.from_ms), calendar.day(period.to_ms - 1)
    after = last + timedelta(days=1)
    start, day = _at(add_months(first, -12), period.from_ms, calendar), add_months(last, -12)
    if grain == "hour":
        end = start + period.to_ms - period.from_ms
    elif period.to_ms != calendar.midnight(after):
        end = _at(day, period.to_ms, calendar)
    elif after.day == 1 and (first.day == 1 or grain not in ("day", "total")):
        end = calendar.midnight(add_months(after, -12))
    else:
        end = calendar.midnight(day + timedelta(days=1))
    if end <= start:  # it went over the midnight that 29 February begins at
        end = calendar.midnight(day + timedelta(days=1))
    return _period(grain, start, end, calendar)


def _at(day: date, at_ms: int, calendar: Calendar) -> int:
    """The moment of a day at which the clock on the wall shows what it shows at another."""
    if at_ms == calendar.midnight(calendar.day(at_ms)):
        return calendar.midnight(day)
    shown = to_moment(at_ms).astimezone(calendar.zone(at_ms)).time()
    return to_ms(datetime.combine(day, shown, calendar.zone(calendar.midnight(day))).astimezone(UTC))


def apart(stretch: Sequence[Period]) -> list[list[int]]:
    """The numbers of periods in groups, in each of which none overlaps another."""
    groups: list[list[int]] = []
    for number, period in enumerate(stretch):
        free = next((group for group in groups if stretch[group[-1]].to_ms <= period.from_ms), None)
        if free is None:
            groups.append([number])
        else:
            free.append(number)
    return groups


def _period(grain: str, from_ms: int, to_ms: int, calendar: Calendar) -> Period:
    return Period("total" if grain == "total" else running(grain, from_ms, calendar).label, from_ms, to_ms)


def _earlier(at_ms: int, months: int, days: int, calendar: Calendar) -> int:
    """The same time of day that many months or days earlier; midnight of days on which it is not."""
    local = to_moment(at_ms).astimezone(calendar.zone(at_ms))
    day = add_months(local.date(), -months) - timedelta(days=days)
    return calendar.midnight(day) + (at_ms - calendar.midnight(local.date()))


def days_before(at_ms: int, days: int, calendar: Calendar) -> int:
    """The moment that many days earlier, at the same time of day."""
    if at_ms in FOREVER:
        return at_ms
    local = to_moment(at_ms).astimezone(calendar.zone(at_ms))
    earlier = datetime.combine(local.date() - timedelta(days=days), local.time())
    return to_ms(earlier.replace(tzinfo=calendar.zone(at_ms)).astimezone(UTC))


def wall_ms(at_ms: int, calendar: Calendar) -> int:
    """What the tenant's clock on the wall shows at a moment, written as if it were UTC."""
    if at_ms in FOREVER:
        return at_ms
    local = to_moment(at_ms).astimezone(calendar.zone(at_ms))
    return to_ms(local.replace(tzinfo=UTC))
