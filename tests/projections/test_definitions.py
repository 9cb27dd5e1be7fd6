"""Definitions: calendar, rates, pipelines and who is in place, as known at a cut."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.corrections import EventVoided
from events.people import RepAssigned, RepLeft
from events.planning import CalendarDefined, FxRateSet, PipelineDefined
from events.samples import SOURCE
from projections.definitions import Calendar, Definitions
from tests.projections.telling import Told, facts, make, ms


def defined(*told: Told, timezone: str = "UTC") -> Definitions:
    return Definitions(facts(*told), timezone=timezone, currency="CNY")


def calendar(day: str, **told: Any) -> Told:
    return make(CalendarDefined, day, **told)


def rate(day: str, rate: str, base: str = "USD", quote: str = "CNY", **told: Any) -> Told:
    return make(FxRateSet, day, base=base, quote=quote, rate=rate, **told)


def pipeline(day: str, *stages: tuple[str, str | None], name: str = "default") -> Told:
    told = [{"stage": stage} | ({"probability": odds} if odds else {}) for stage, odds in stages]
    return make(PipelineDefined, day, pipeline=name, stages=told)


class TestCalendar:
    """The tenant's days."""

    def test_without_a_definition_the_settings_hold(self) -> None:
        days = defined(timezone="Asia/Shanghai").calendar
        assert (days.currency, days.zone(0), days.week_start) == ("CNY", ZoneInfo("Asia/Shanghai"), 0)

    def test_each_zone_holds_from_its_time_on_and_the_first_also_before(self) -> None:
        days = defined(
            calendar("2026-03-01", timezone="Asia/Shanghai"), calendar("2026-06-01", timezone="Europe/Berlin")
        )

        assert [days.calendar.zone(ms(day)).key for day in ("2020-01-01", "2026-05-31T23:59", "2026-06-01")] == [
            "Asia/Shanghai", "Asia/Shanghai", "Europe/Berlin",
        ]  # fmt: skip
        assert days.calendar.midnight(date(2026, 5, 1)) == ms("2026-04-30T16:00")
        assert days.calendar.midnight(date(2026, 7, 1)) == ms("2026-06-30T22:00")

    def test_what_is_absent_stays_as_it_was(self) -> None:
        days = defined(
            calendar("2026-01-01", currency="USD", week_start="sunday"),
            calendar("2026-02-01", timezone="Asia/Shanghai"),
        )
        assert (days.calendar.currency, days.calendar.week_start) == ("USD", 6)

    def test_the_later_statement_wins_whichever_was_told_first(self) -> None:
        assert (
            defined(calendar("2026-02-01", currency="USD"), calendar("2026-01-01", currency="EUR")).calendar.currency
            == "USD"
        )

    @pytest.mark.parametrize(
        ("moment", "day"), [("2026-03-01T15:59", date(2026, 3, 1)), ("2026-03-01T16:00", date(2026, 3, 2))]
    )
    def test_a_moment_lies_in_the_day_of_the_zone(self, moment: str, day: date) -> None:
        assert defined(timezone="Asia/Shanghai").calendar.day(ms(moment)) == day


class TestWorkingDays:
    """Monday to Friday, unless a definition says otherwise."""

    GOLDEN_WEEK: Final = calendar(
        "2025-12-01",
        holidays=[f"2026-10-0{day}" for day in range(1, 8)],
        workdays=["2026-09-20", "2026-10-10"],
    )

    @pytest.mark.parametrize(
        ("first", "end", "days"),
        [("2026-03-02", "2026-03-09", 5), ("2026-03-07", "2026-03-09", 0), ("2026-03-02", "2026-03-02", 0),
         ("2026-03-09", "2026-03-02", 0), ("2026-01-01", "2027-01-01", 261)],
    )  # fmt: skip
    def test_without_a_definition(self, first: str, end: str, days: int) -> None:
        assert defined().calendar.working_days(date.fromisoformat(first), date.fromisoformat(end)) == days

    def test_the_golden_week_with_its_tiaoxiu(self) -> None:
        days = defined(self.GOLDEN_WEEK).calendar

        assert days.working_days(date(2026, 10, 1), date(2026, 11, 1)) == 22 - 5 + 1
        assert days.is_working(date(2026, 9, 20)), "a Sunday that is worked"
        assert not days.is_working(date(2026, 10, 1)), "a Thursday off"
        assert days.is_working(date(2026, 10, 8)), "a Thursday as ever"
        assert days.is_working(date(2026, 10, 10)), "a Saturday that is worked"
        assert not days.is_working(date(2026, 10, 11)), "a Sunday as ever"

    def test_a_date_named_twice_is_what_the_later_statement_says(self) -> None:
        assert defined(self.GOLDEN_WEEK, calendar("2026-01-01", holidays=["2026-10-10"])).calendar.is_working(
            date(2026, 10, 10)
        ) is False  # fmt: skip

    @given(
        st.dates(date(2025, 1, 1), date(2026, 12, 31)),
        st.integers(0, 400),
        st.dictionaries(st.dates(date(2025, 1, 1), date(2027, 12, 31)), st.booleans(), max_size=30),
    )
    def test_they_are_counted_as_if_day_by_day(self, first: date, length: int, told: dict[date, bool]) -> None:
        days = Calendar([(0, ZoneInfo("UTC"))], "CNY", working=told)
        end = first + timedelta(length)
        assert days.working_days(first, end) == sum(days.is_working(first + timedelta(n)) for n in range(length))


class TestRates:
    """Day rates, direct ones."""

    def test_they_stand_in_order_with_the_later_told_of_one_moment(self) -> None:
        rates = defined(rate("2026-03-02", "7.2"), rate("2026-03-01", "7.1"), rate("2026-03-02", "7.3")).rates("CNY")
        assert rates == {"USD": [(ms("2026-03-01"), Fraction(71, 10)), (ms("2026-03-02"), Fraction(73, 10))]}

    @pytest.mark.parametrize("other", [rate("2026-03-01", "7", quote="EUR"), rate("2026-03-01", "7", kind="plan")])
    def test_other_quotes_and_kinds_are_no_day_rates(self, other: Told) -> None:
        assert defined(other).rates("CNY") == {}

    def test_one_that_was_voided_is_not_known(self) -> None:
        voided = make(EventVoided, "2026-03-05", source=SOURCE, id="e1")
        assert defined(rate("2026-03-01", "7"), voided).rates("CNY") == {}


class TestPipelines:
    """Stages with their places and probabilities."""

    BEFORE: Final = pipeline("2026-03-01", ("qualified", "0.2"), ("proposal", None))
    AFTER: Final = pipeline("2026-04-01", ("proposal", "0.5"))

    @pytest.mark.parametrize("day", ["2020-01-01", "2026-03-01", "2026-03-31T23:59"])
    def test_the_first_definition_holds_until_the_next_and_also_before(self, day: str) -> None:
        assert defined(self.AFTER, self.BEFORE).pipelines(ms(day)) == {
            ("default", "qualified"): (0, Fraction(1, 5)),
            ("default", "proposal"): (1, None),
        }

    def test_a_definition_is_a_full_statement(self) -> None:
        assert defined(self.BEFORE, self.AFTER).pipelines(ms("2026-04-01")) == {
            ("default", "proposal"): (0, Fraction(1, 2))
        }

    def test_each_pipeline_has_its_own(self) -> None:
        found = defined(self.BEFORE, pipeline("2026-05-01", ("proposal", "1"), name="partners")).pipelines(0)
        assert found["partners", "proposal"] == (0, Fraction(1))
        assert found["default", "proposal"] == (1, None)


class TestStints:
    """Who is in place, where, from when to when."""

    def test_an_assignment_lasts_until_the_next_or_the_leaving(self) -> None:
        stints = defined(
            make(RepAssigned, "2026-03-01", rep_id="ana", team_id="t1", region="华东", manager_id="m1"),
            make(RepAssigned, "2026-04-01", rep_id="ana", team_id="t2"),
            make(RepAssigned, "2026-03-15", rep_id="bo"),
            make(RepLeft, "2026-05-01", rep_id="ana"),
        ).stints

        assert [(s.rep_id, s.team_id, s.region, s.manager_id, s.from_ms, s.to_ms, s.event) for s in stints] == [
            ("ana", "t1", "华东", "m1", ms("2026-03-01"), ms("2026-04-01"), 1),
            ("ana", "t2", "", "", ms("2026-04-01"), ms("2026-05-01"), 2),
            ("bo", "", "", "", ms("2026-03-15"), None, 3),
        ]

    def test_a_leaving_of_somebody_never_assigned_is_nothing(self) -> None:
        assert defined(make(RepLeft, "2026-03-01")).stints == []

    def test_one_who_comes_back_has_two(self) -> None:
        there, gone, back = (
            make(RepAssigned, "2026-03-01"), make(RepLeft, "2026-03-05"), make(RepAssigned, "2026-03-09")
        )  # fmt: skip
        assert [(s.from_ms, s.to_ms) for s in defined(there, gone, back).stints] == [
            (ms("2026-03-01"), ms("2026-03-05")), (ms("2026-03-09"), None),
        ]  # fmt: skip

    def test_a_voided_assignment_is_none(self) -> None:
        voided = make(EventVoided, "2026-03-05", source=SOURCE, id="e1")
        assert defined(make(RepAssigned, "2026-03-01"), voided).stints == []
