"""Days, periods and moments by the tenant's calendar, for the oracle."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from events.envelope import Fact, to_moment, to_ms
from events.planning import CalendarDefined

BEGINNING = -(10**15)
END = 10**15
"""No bound: a question without ``from`` or ``to``."""

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Stretch:
    """A period: from ``start`` up to, not including, ``end``."""

    label: str
    start: int
    end: int


class Days:
    """The calendar that the events define; before the first zone is told, that one holds."""

    def __init__(self, facts: Sequence[Fact], timezone: str, currency: str) -> None:
        told = [(fact.at_ms, fact.data) for fact in facts if isinstance(fact.data, CalendarDefined)]
        self.zones = [(at, ZoneInfo(data.timezone)) for at, data in told if data.timezone] or [(0, ZoneInfo(timezone))]
        self.currency = ([currency] + [data.currency for _, data in told if data.currency])[-1]
        starts = ["monday"] + [data.week_start for _, data in told if data.week_start]
        self.week_start = {"monday": 0, "saturday": 5, "sunday": 6}[starts[-1]]
        self.fiscal_year_start = ([1] + [data.fiscal_year_start for _, data in told if data.fiscal_year_start])[-1]
        self.named: dict[str, bool] = {}
        for _, data in told:
            self.named |= dict.fromkeys(data.holidays or [], False)
            self.named |= dict.fromkeys(data.workdays or [], True)

    def zone(self, at: int) -> ZoneInfo:
        """The zone in force at a moment."""
        return ([self.zones[0][1]] + [zone for since, zone in self.zones if since <= at])[-1]

    def local(self, at: int) -> datetime:
        """What the clock on the wall shows."""
        return to_moment(at).astimezone(self.zone(at))

    def midnight(self, day: date) -> int:
        """The moment a day begins; the zone is the one in force at noon UTC of that day."""
        zone = self.zone(to_ms(datetime.combine(day, time(12), UTC)))
        return to_ms(datetime.combine(day, time(), zone).astimezone(UTC))

    def works(self, day: date) -> bool:
        """Monday to Friday, unless the calendar names the date."""
        return self.named.get(day.isoformat(), day.weekday() < 5)

    def year_before(self, at: int) -> int:
        """The same local day and time a year before; 28 February for 29 February."""
        if at == BEGINNING:
            return at
        local = self.local(at)
        leap = (local.month, local.day) == (2, 29)
        day = date(local.year - 1, local.month, 28 if leap else local.day)
        return to_ms(datetime.combine(day, local.time(), self.zone(at)).astimezone(UTC))

    def days_before(self, at: int, days: int) -> int:
        """The same local time that many days before."""
        if at == BEGINNING:
            return at
        local = self.local(at)
        return to_ms(datetime.combine(local.date() - timedelta(days=days), local.time(), self.zone(at)).astimezone(UTC))

    def stretch(self, period: str | None, since: int) -> tuple[int, int]:
        """From when up to when a period is; without one, from a moment on."""
        if period is None:
            return since, END
        fiscal, name = period.startswith("FY"), period.removeprefix("FY")
        year, rest = int(name[:4]), name[5:]
        first = self.fiscal_year_start if fiscal else 1
        year -= fiscal and first > 1
        length = 12 if not rest else 3 if rest.startswith("Q") else 1
        first += 0 if not rest else (int(rest[1:]) - 1) * 3 if length == 3 else int(rest) - 1
        starts = [(year + (month - 1) // 12, (month - 1) % 12 + 1) for month in (first, first + length)]
        start, end = (self.midnight(date(year, month, 1)) for year, month in starts)
        return start, end

    def moment(self, text: str) -> int:
        """A day, month, quarter or year begins at its first midnight; anything else is a moment with its offset."""
        if text.startswith("FY"):
            return self.stretch(text, 0)[0]
        if "T" in text:
            return to_ms(datetime.fromisoformat(text).astimezone(UTC))
        year, *rest = text.split("-")
        if rest and rest[0].startswith("Q"):
            rest = [str(int(rest[0][1:]) * 3 - 2)]
        month, day = [*map(int, rest), 1, 1][:2]
        return self.midnight(date(int(year), month, day))

    def periods(self, grain: str, start: int, end: int) -> list[Stretch]:
        """The stretch cut at the borders of the calendar; the first and last piece are what is left of theirs."""
        if grain == "total":
            return [Stretch("total", start, end)]
        pieces = self._hours(start) if grain == "hour" else self._pieces(grain, start)
        found = []
        for piece in pieces:
            if piece.start >= end:
                break
            found.append(Stretch(piece.label, max(piece.start, start), min(piece.end, end)))
        return found

    def _hours(self, start: int) -> Iterator[Stretch]:
        local = self.local(start)
        at = start - (local.minute * 60 + local.second) * 1000 - local.microsecond // 1000
        while True:
            yield Stretch(self.local(at).isoformat(timespec="minutes"), at, at + HOUR_MS)
            at += HOUR_MS

    def _pieces(self, grain: str, start: int) -> Iterator[Stretch]:
        day = self.local(start).date()
        while not self._begins(grain, day):
            day -= timedelta(days=1)
        while True:
            after = day + timedelta(days=1)
            while not self._begins(grain, after):
                after += timedelta(days=1)
            yield Stretch(label(grain, day, self.fiscal_year_start), self.midnight(day), self.midnight(after))
            day = after

    def _begins(self, grain: str, day: date) -> bool:
        return {
            "day": True,
            "week": day.weekday() == self.week_start,
            "month": day.day == 1,
            "quarter": day.day == 1 and day.month in (1, 4, 7, 10),
            "year": day.day == 1 and day.month == 1,
            "fiscal_quarter": day.day == 1 and (day.month - self.fiscal_year_start) % 3 == 0,
            "fiscal_year": day.day == 1 and day.month == self.fiscal_year_start,
        }[grain]


def label(grain: str, day: date, fiscal_year_start: int = 1) -> str:
    """What a period that begins on ``day`` is called; a fiscal year by the year in which it ends."""
    week = f"{day:%G-W%V}" if day.weekday() == 0 else f"{day}/P7D"
    ends = day.year if fiscal_year_start == 1 or day.month < fiscal_year_start else day.year + 1
    return {
        "day": f"{day}",
        "week": week,
        "month": f"{day:%Y-%m}",
        "quarter": f"{day:%Y}-Q{(day.month + 2) // 3}",
        "year": f"{day:%Y}",
        "fiscal_quarter": f"FY{ends}-Q{(day.month - fiscal_year_start) % 12 // 3 + 1}",
        "fiscal_year": f"FY{ends}",
    }[grain]
