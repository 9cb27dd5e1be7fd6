"""The book of spend: at once or spread over days, to the last minor unit."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.spend import SpendRecorded
from projections.books.spend import DAY_MS, spread
from tests.projections.telling import make, ms, posted, short

DAY = st.dates(date(2019, 1, 1), date(2029, 1, 1))


def test_at_once_it_counts_when_it_occurred() -> None:
    lines = posted(make(SpendRecorded, "2026-03-02T10:00", category="tools", amount="12.50", team_id="t1"))

    assert short(lines, "currency", "category", "team_id", "local") == [
        ("03-02", "spend", 1, 1250, "CNY", "tools", "t1", False),
    ]
    assert lines[0].at_ms == lines[0].basis_ms == ms("2026-03-02T10:00")


def test_over_a_period_it_counts_day_by_day_whenever_it_was_told() -> None:
    lines = posted(make(SpendRecorded, "2026-05-31", amount="10.00", period_from="2026-02-27", period_to="2026-03-02"))

    assert short(lines, "local") == [
        ("02-27", "spend", 1, 334, True),
        ("02-28", "spend", 0, 333, True),
        ("03-01", "spend", 0, 333, True),
    ]


@pytest.mark.parametrize("end", ["2026-03-01", "2026-03-02"], ids=["same day", "next day"])
def test_the_shortest_period_is_a_day(end: str) -> None:
    assert spread(777, "2026-03-01", end) == [(ms("2026-03-01"), 777)]


def test_a_leap_day_is_a_day() -> None:
    assert [part for _, part in spread(6000, "2024-02-01", "2024-03-01")] == [207] * 26 + [206] * 3


@given(st.integers(0, 10**15), DAY, st.integers(0, 3660))
def test_the_parts_add_up_and_the_remainder_goes_to_the_earliest_days(amount: int, first: date, length: int) -> None:
    days = spread(amount, first.isoformat(), (first + timedelta(length)).isoformat())

    parts = [part for _, part in days]
    assert sum(parts) == amount
    assert parts == sorted(parts, reverse=True)
    assert max(parts) - min(parts) <= 1
    assert [at for at, _ in days] == [days[0][0] + n * DAY_MS for n in range(max(length, 1))]
