"""Periods: hours to years in the tenant's zone, and the moments that texts name."""

from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.definitions import Calendar
from projections.periods import (
    FOREVER,
    GRAINS,
    MOST,
    Period,
    TooManyPeriods,
    a_year_before,
    add_months,
    apart,
    earlier,
    first_day,
    moment,
    next_day,
    periods,
    wall_ms,
)
from tests.projections.telling import ms

HOUR_MS = 3_600_000
UTC = Calendar([(0, ZoneInfo("UTC"))], "CNY")
BERLIN = Calendar([(0, ZoneInfo("Europe/Berlin"))], "EUR")
SHANGHAI = Calendar([(0, ZoneInfo("Asia/Shanghai"))], "CNY")
KATHMANDU = Calendar([(0, ZoneInfo("Asia/Kathmandu"))], "NPR")
ZONES = st.sampled_from([UTC, BERLIN, SHANGHAI, KATHMANDU, Calendar([(0, ZoneInfo("America/New_York"))], "USD")])


def cut(grain: str, first: str, end: str, calendar: Calendar = UTC) -> list[Period]:
    return periods(grain, ms(first), ms(end), calendar)


def labels(grain: str, first: str, end: str, calendar: Calendar = UTC) -> list[str]:
    return [period.label for period in cut(grain, first, end, calendar)]


def hours(period: Period) -> float:
    return (period.to_ms - period.from_ms) / HOUR_MS


class TestLabels:
    """What a period is called."""

    @pytest.mark.parametrize(
        ("grain", "expected"),
        [
            ("year", ["2025", "2026"]),
            ("quarter", ["2025-Q4", "2026-Q1"]),
            ("month", ["2025-12", "2026-01"]),
            ("week", ["2025-W52", "2026-W01"]),
            ("day", ["2025-12-28", "2025-12-29", "2025-12-30", "2025-12-31", "2026-01-01"]),
            ("total", ["total"]),
        ],
    )
    def test_around_new_year(self, grain: str, expected: list[str]) -> None:
        assert labels(grain, "2025-12-28", "2026-01-02") == expected

    def test_the_53rd_week(self) -> None:
        assert labels("week", "2026-12-28", "2027-01-05") == ["2026-W53", "2027-W01"]

    @pytest.mark.parametrize(("start", "first"), [(6, "2026-03-01/P7D"), (5, "2026-02-28/P7D"), (0, "2026-W10")])
    def test_a_week_that_begins_on_another_day_is_called_by_it(self, start: int, first: str) -> None:
        calendar = Calendar([(0, ZoneInfo("UTC"))], "CNY", week_start=start)
        assert labels("week", "2026-03-03", "2026-03-04", calendar) == [first]

    def test_hours_tell_their_offset(self) -> None:
        assert labels("hour", "2026-03-02T00:00", "2026-03-02T02:00", SHANGHAI) == [
            "2026-03-02T08:00+08:00", "2026-03-02T09:00+08:00",
        ]  # fmt: skip


class TestEdges:
    """Where a period begins and ends."""

    def test_days_begin_at_midnight_of_the_zone(self) -> None:
        first, second = cut("day", "2026-03-01T16:00", "2026-03-03T16:00", SHANGHAI)
        assert (first.label, first.from_ms, first.to_ms) == (
            "2026-03-02",
            ms("2026-03-01T16:00"),
            ms("2026-03-02T16:00"),
        )
        assert second.label == "2026-03-03"

    def test_the_first_and_last_are_clipped_to_the_stretch(self) -> None:
        first, last = cut("month", "2026-03-10T09:30", "2026-04-05")
        assert (first.label, first.from_ms, first.to_ms) == ("2026-03", ms("2026-03-10T09:30"), ms("2026-04-01"))
        assert (last.label, last.from_ms, last.to_ms) == ("2026-04", ms("2026-04-01"), ms("2026-04-05"))

    @pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-03-28", 24), ("2026-10-25", 25)])
    def test_a_day_on_which_clocks_change_is_shorter_or_longer(self, day: str, length: int) -> None:
        (period,) = (each for each in cut("day", "2026-03-01", "2026-11-01", BERLIN) if each.label == day)
        assert hours(period) == length

    def test_the_hour_that_comes_twice_stands_twice(self) -> None:
        assert labels("hour", "2026-10-25T00:00", "2026-10-25T02:00", BERLIN) == [
            "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00",
        ]  # fmt: skip

    def test_the_hour_that_is_missing_is_left_out(self) -> None:
        assert labels("hour", "2026-03-29T00:00", "2026-03-29T02:00", BERLIN) == [
            "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00",
        ]  # fmt: skip

    def test_hours_begin_where_the_clock_on_the_wall_shows_a_full_one(self) -> None:
        first, second = cut("hour", "2026-03-02T00:00", "2026-03-02T01:00", KATHMANDU)
        assert (first.label, second.label) == ("2026-03-02T05:00+05:45", "2026-03-02T06:00+05:45")
        assert second.from_ms == ms("2026-03-02T00:15")

    def test_a_leap_february(self) -> None:
        (february,) = cut("month", "2024-02-01", "2024-03-01")
        assert hours(february) == 29 * 24

    def test_a_change_of_zone_moves_midnight_from_then_on(self) -> None:
        moved = Calendar([(0, ZoneInfo("UTC")), (ms("2026-03-02T12:00"), ZoneInfo("Asia/Shanghai"))], "CNY")
        days = cut("day", "2026-03-01", "2026-03-04", moved)
        assert [period.from_ms for period in days[:3]] == [
            ms("2026-03-01"),
            ms("2026-03-01T16:00"),
            ms("2026-03-02T16:00"),
        ]

    def test_a_stretch_of_too_many_says_so(self) -> None:
        with pytest.raises(TooManyPeriods, match="has more than 20000 periods of one hour"):
            cut("hour", "2020-01-01", "2026-01-01")
        assert len(periods("hour", 0, MOST * HOUR_MS, UTC)) == MOST

    @given(st.sampled_from(GRAINS[:-1]), st.dates(date(2015, 1, 1), date(2030, 1, 1)), st.integers(1, 500), ZONES)
    def test_they_cover_the_stretch_without_gap_or_overlap(
        self, grain: str, first: date, half_days: int, calendar: Calendar
    ) -> None:
        start = ms(first.isoformat())
        end = start + half_days * 12 * HOUR_MS
        found = periods(grain, start, end, calendar)

        assert (found[0].from_ms, found[-1].to_ms) == (start, end)
        assert all(one.to_ms == other.from_ms for one, other in pairwise(found))
        assert all(period.from_ms < period.to_ms for period in found)
        assert len({period.label for period in found}) == len(found)


class TestMoment:
    """Texts that name a moment."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026", "2026-01-01"),
            ("2026-Q4", "2026-10-01"),
            ("2026-11", "2026-11-01"),
            ("2026-11-22", "2026-11-22"),
            ("2026-11-22T09:30:00+08:00", "2026-11-22T01:30"),
            ("2026-11-22T01:30:00Z", "2026-11-22T01:30"),
        ],
    )
    def test_it_is_read_in_the_zone(self, text: str, expected: str) -> None:
        assert moment(text, UTC) == ms(expected)

    @pytest.mark.parametrize(
        ("text", "expected"), [("2026", "2025-12-31T16:00"), ("2026-11-22T00:00:00Z", "2026-11-22")]
    )
    def test_an_offset_that_is_told_wins_over_the_zone(self, text: str, expected: str) -> None:
        assert moment(text, SHANGHAI) == ms(expected)

    @pytest.mark.parametrize("text", ["2026-11-22t01:30:00z", "2026-11-22T01:30:00.000999999Z"])
    def test_all_that_rfc_3339_allows(self, text: str) -> None:
        assert moment(text, UTC) == ms("2026-11-22T01:30")

    @pytest.mark.parametrize(
        "text",
        ["", "now", "26", "2026-13", "2026-Q5", "2026-02-30", "2026-2", "22.11.2026", "2026-11-22T09:30:00",
         "2026-11-22 ", "2026-W10", "２０２６", "2026-11-22T24:00:00Z", "2026-02-30T00:00:00Z", "9999999",
         "0000", "0001", "0001-01-01T00:00:00+14:00", "1899-12-31", "2300", "9999-12-31", "9999-12-31T23:59:59-12:00"],
    )  # fmt: skip
    @pytest.mark.parametrize("calendar", [UTC, SHANGHAI], ids=["UTC", "Shanghai"])
    def test_anything_else_is_refused(self, text: str, calendar: Calendar) -> None:
        with pytest.raises(ValueError, match=r'^allowed: "2026-11-22", .* from 1900 to 2299$'):
            moment(text, calendar)


class TestBefore:
    """A year earlier, and the clock on the wall."""

    @pytest.mark.parametrize(
        ("day", "earlier"),
        [("2026-03-02", "2025-03-02"), ("2024-02-29", "2023-02-28"),
         ("2025-02-28", "2024-02-28"), ("2026-01-01", "2025-01-01")],
    )  # fmt: skip
    def test_twelve_months_earlier(self, day: str, earlier: str) -> None:
        assert a_year_before(ms(day), UTC) == ms(earlier)

    def test_by_the_calendar_of_the_zone(self) -> None:
        assert a_year_before(ms("2026-03-31T22:00"), BERLIN) == ms("2025-03-31T22:00")
        assert a_year_before(ms("2026-10-25T23:00"), BERLIN) == ms("2025-10-25T22:00")

    @pytest.mark.parametrize(
        ("day", "months", "expected"),
        [((2026, 1, 31), 1, (2026, 2, 28)), ((2024, 1, 31), 1, (2024, 2, 29)), ((2026, 12, 5), 1, (2027, 1, 5)),
         ((2026, 3, 31), -1, (2026, 2, 28)), ((2026, 1, 15), -12, (2025, 1, 15)), ((2026, 5, 31), 1, (2026, 6, 30))],
    )  # fmt: skip
    def test_months_keep_the_day_where_there_is_one(
        self, day: tuple[int, int, int], months: int, expected: tuple[int, int, int]
    ) -> None:
        assert add_months(date(*day), months) == date(*expected)

    def test_the_clock_on_the_wall(self) -> None:
        assert wall_ms(ms("2026-03-02T00:00"), SHANGHAI) == ms("2026-03-02T08:00")
        assert wall_ms(ms("2026-07-01T00:00"), BERLIN) == ms("2026-07-01T02:00")

    @pytest.mark.parametrize("edge", FOREVER)
    def test_forever_stays_forever(self, edge: int) -> None:
        assert a_year_before(edge, BERLIN) == wall_ms(edge, BERLIN) == edge


class TestTheYearBefore:
    """What a period is compared with: the same dates."""

    @pytest.mark.parametrize(
        ("grain", "first", "end", "before"),
        [
            ("total", "2025-02-28", "2025-03-01", ("2024-02-28", "2024-02-29")),
            ("total", "2024-02-28", "2024-02-29", ("2023-02-28", "2023-03-01")),
            ("total", "2024-02-29", "2024-03-01", ("2023-02-28", "2023-03-01")),
            ("total", "2024-02-28", "2024-03-01", ("2023-02-28", "2023-03-01")),
            ("total", "2025-02-15", "2025-03-01", ("2024-02-15", "2024-02-29")),
            ("total", "2025-02-15", "2025-03-15", ("2024-02-15", "2024-03-15")),
            ("total", "2025-02-01", "2025-03-01", ("2024-02-01", "2024-03-01")),
            ("total", "2025-01-01", "2026-01-01", ("2024-01-01", "2025-01-01")),
            ("total", "2024-02-28T18:00", "2024-02-29T12:00", ("2023-02-28T18:00", "2023-03-01")),
            ("day", "2025-02-28", "2025-03-01", ("2024-02-28", "2024-02-29")),
            ("day", "2024-02-29", "2024-03-01", ("2023-02-28", "2023-03-01")),
            ("week", "2025-02-24", "2025-03-03", ("2024-02-26", "2024-03-04")),
            ("month", "2025-02-01", "2025-03-01", ("2024-02-01", "2024-03-01")),
            ("month", "2025-02-10", "2025-03-01", ("2024-02-10", "2024-03-01")),
            ("month", "2024-02-01", "2024-02-29", ("2023-02-01", "2023-03-01")),
        ],
    )
    def test_around_a_leap_day(self, grain: str, first: str, end: str, before: tuple[str, str]) -> None:
        (found,) = earlier(cut(grain, first, end), grain, "year", UTC)
        assert (found.from_ms, found.to_ms) == tuple(map(ms, before))

    def test_hours_are_those_that_the_clock_shows(self) -> None:
        found = earlier(cut("hour", "2026-10-24T23:00", "2026-10-25T03:00", BERLIN), "hour", "year", BERLIN)
        assert [each.label for each in found] == [
            "2025-10-25T01:00+02:00", "2025-10-25T02:00+02:00", "2025-10-25T02:00+02:00", "2025-10-25T03:00+02:00",
        ]  # fmt: skip
        assert {hours(each) for each in found} == {1}

    @given(st.dates(date(2019, 1, 1), date(2033, 1, 1)), st.integers(1, 800), ZONES)
    def test_each_day_is_compared_with_its_date_and_no_other(self, first: date, count: int, calendar: Calendar) -> None:
        end = first + timedelta(days=count)
        days = periods("day", calendar.midnight(first), calendar.midnight(end), calendar)
        for day, before in zip(days, earlier(days, "day", "year", calendar), strict=True):
            its = date.fromisoformat(day.label)
            theirs = its.replace(year=its.year - 1, day=28 if (its.month, its.day) == (2, 29) else its.day)
            assert before == Period(
                theirs.isoformat(), calendar.midnight(theirs), calendar.midnight(theirs + timedelta(days=1))
            )

    @given(st.dates(date(2019, 1, 1), date(2033, 1, 1)), st.integers(1, 800), ZONES)
    def test_a_stretch_has_the_same_first_and_last_date(self, first: date, count: int, calendar: Calendar) -> None:
        last = first + timedelta(days=count - 1)
        end = last + timedelta(days=1)
        (before,) = earlier(
            periods("total", calendar.midnight(first), calendar.midnight(end), calendar), "total", "year", calendar
        )
        assert calendar.day(before.from_ms) == add_months(first, -12)
        whole_months = first.day == end.day == 1
        assert calendar.day(before.to_ms) == (
            add_months(end, -12) if whole_months else add_months(last, -12) + timedelta(days=1)
        )
        assert abs(round(hours(before) / 24) - count) <= 1 + count // 365, "but for leap days in it"

    @given(st.dates(date(2019, 1, 1), date(2033, 1, 1)), st.integers(1, 800), ZONES)
    def test_months_meet_months_and_weeks_meet_weekdays(self, first: date, count: int, calendar: Calendar) -> None:
        for grain in ("week", "month", "quarter", "year"):
            start = calendar.midnight(first_day(grain, first, calendar))
            end = calendar.midnight(next_day(grain, first_day(grain, first + timedelta(days=count), calendar)))
            stretch = periods(grain, start, end, calendar)
            found = earlier(stretch, grain, "year", calendar)
            whole = periods(grain, found[0].from_ms, found[-1].to_ms, calendar)
            assert found == whole, grain
            assert apart(found) == [list(range(len(found)))]

    @given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=12))
    def test_none_overlaps_another_of_its_group(self, told: list[tuple[int, int]]) -> None:
        stretch = [Period("", start, start + length) for start, length in sorted(told)]
        groups = apart(stretch)
        assert sorted(number for group in groups for number in group) == list(range(len(stretch)))
        assert all(stretch[one].to_ms <= stretch[other].from_ms for group in groups for one, other in pairwise(group))
