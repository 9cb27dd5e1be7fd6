"""How a question may be asked: organisation, exchange rates, fiscal periods, comparisons, the rest of the top rows."""

from typing import Any

import pytest

from projections.question import BadQuestion, question
from tests.oracle.real_path import Backends, Company
from tests.oracle.telling import event, history


def told(backends: Backends, *events: Any) -> Company:
    return backends.company(history(*events))


def rows(company: Company, kpi: str, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = company.books.ask(question(kpi, **asked))["rows"]
    return found


def values(company: Company, kpi: str, dim: str, **asked: Any) -> dict[Any, Any]:
    return {row[dim]: row["value"] for row in rows(company, kpi, by=[dim], **asked)}


class TestOrganisation:
    """As told, as it was, as it is now."""

    EVENTS = (
        event("rep.assigned", "2024-01-01", rep_id="r1", team_id="t1", region="E"),
        event("deal.won", "2024-01-10", deal_id="D1", rep_id="r1", amount="1"),
        event("deal.won", "2024-01-11", deal_id="D2", rep_id="r1", team_id="own", amount="2"),
        event("touchpoint.logged", "2024-01-10", rep_id="r1", kind="call"),
        event("deal.won", "2024-01-12", deal_id="D3", team_id="t9", amount="4"),
    )
    MOVE = event("rep.assigned", "2024-03-01", rep_id="r1", team_id="t2", region="E")

    def test_what_was_told_comes_first_or_second(self, backends: Backends) -> None:
        company = told(backends, *self.EVENTS, self.MOVE)
        assert values(company, "bookings", "team_id") == {"own": "2.00", "t1": "1.00", "t9": "4.00"}
        assert values(company, "bookings", "team_id", org="then") == {"t1": "3.00", "t9": "4.00"}
        assert values(company, "bookings", "team_id", org="now") == {"t2": "3.00", "t9": "4.00"}

    def test_moving_a_rep_changes_only_now_and_the_totals_are_the_same(self, backends: Backends) -> None:
        before, after = told(backends, *self.EVENTS), told(backends, *self.EVENTS, self.MOVE)
        for org in ("event", "then", "now"):
            one, other = (values(each, "bookings", "team_id", org=org) for each in (before, after))
            assert (one == other) == (org != "now")
            assert sum(float(value) for value in other.values()) == 7

    def test_days_of_reps_move_too(self, backends: Backends) -> None:
        company = told(backends, *self.EVENTS, self.MOVE)
        asked = {"from_": "2024-01-08", "to": "2024-01-15"}
        assert values(company, "touchpoints_per_rep_day", "team_id", **asked) == {"t1": 0.2}
        assert values(company, "touchpoints_per_rep_day", "team_id", org="now", **asked) == {"t2": 0.2}


class TestRates:
    """Amounts at the rate of the day, the period or the plan, or as they are."""

    EVENTS = (
        event("fx_rate.set", "2024-01-01", base="USD", quote="CNY", rate="7"),
        event("fx_rate.set", "2024-01-15", base="USD", quote="CNY", rate="8"),
        event("fx_rate.set", "2024-02-05", base="USD", quote="CNY", rate="7.5", kind="period", period="2024-01"),
        event("fx_rate.set", "2024-02-06", base="USD", quote="CNY", rate="6", kind="period", period="2024"),
        event("fx_rate.set", "2023-12-01", base="USD", quote="CNY", rate="10", kind="plan", period="2024-01"),
        event("deal.won", "2024-01-10", deal_id="D1", amount="1", currency="USD"),
        event("deal.won", "2024-01-20", deal_id="D2", amount="1", currency="USD"),
        event("deal.won", "2024-02-10", deal_id="D3", amount="1", currency="USD"),
        event("deal.won", "2024-02-11", deal_id="D4", amount="5", currency="CNY"),
        event("deal.won", "2024-02-12", deal_id="D5", amount="300", currency="JPY"),
    )

    def monthly(self, backends: Backends, fx: str) -> list[Any]:
        company, where = told(backends, *self.EVENTS), ["currency=USD", "currency=CNY"]
        asked = {"grain": "month", "from_": "2024-01", "to": "2024-03", "where": where}
        return [row["value"] for row in rows(company, "bookings", fx=fx, **asked)]

    def test_of_the_day(self, backends: Backends) -> None:
        assert self.monthly(backends, "day") == ["15.00", "13.00"]

    def test_of_the_period_the_shortest_first(self, backends: Backends) -> None:
        assert self.monthly(backends, "period") == ["15.00", "11.00"]

    def test_of_the_plan_and_null_where_there_is_none(self, backends: Backends) -> None:
        assert self.monthly(backends, "plan") == ["20.00", None]
        row = rows(told(backends, *self.EVENTS), "bookings", fx="plan", where=["currency=USD"])[0]
        assert (row["reason"], row["missing"]) == ("missing_rate", "USD/CNY")

    def test_none_keeps_each_currency_to_itself_with_its_own_decimals(self, backends: Backends) -> None:
        company = told(backends, *self.EVENTS)
        found = {row["currency"]: row["value"] for row in rows(company, "bookings", fx="none")}
        assert found == {"CNY": "5.00", "USD": "3.00", "JPY": "300"}

    def test_none_is_refused_where_amounts_cannot_be_told_apart(self) -> None:
        with pytest.raises(BadQuestion, match="allowed: day, period, plan"):
            question("cac", fx="none")


class TestFiscal:
    """Years and quarters that begin in another month, called by the year in which they end."""

    def test_years_and_quarters(self, backends: Backends) -> None:
        company = told(
            backends,
            event("calendar.defined", "2024-01-01", fiscal_year_start=4),
            event("deal.won", "2024-03-31", deal_id="D1", amount="1"),
            event("deal.won", "2024-04-01", deal_id="D2", amount="2"),
            event("deal.won", "2025-03-31", deal_id="D3", amount="4"),
        )
        years = rows(company, "bookings", grain="fiscal_year")
        assert [(row["period"], row["value"]) for row in years] == [("FY2024", "1.00"), ("FY2025", "6.00")]
        quarters = rows(company, "bookings", grain="fiscal_quarter", from_="FY2025", to="FY2026")
        assert [(row["period"], row["value"]) for row in quarters] == [
            ("FY2025-Q1", "2.00"),
            ("FY2025-Q2", "0.00"),
            ("FY2025-Q3", "0.00"),
            ("FY2025-Q4", "4.00"),
        ]
        assert rows(company, "bookings", from_="FY2025-Q4", to="FY2026")[0]["value"] == "4.00"


class TestCompare:
    """Each period beside the one before it, or that of the year before."""

    EVENTS = tuple(
        event("deal.won", day, deal_id=f"D{number}", amount=f"{number}", region=region)
        for number, (day, region) in enumerate(
            [("2023-02-10", "E"), ("2023-03-10", "W"), ("2024-01-31", "E"), ("2024-02-29", "E"), ("2024-03-10", "W")], 1
        )
    )

    def test_previous(self, backends: Backends) -> None:
        found = rows(
            told(backends, *self.EVENTS), "bookings", grain="month", from_="2024-02", to="2024-04", compare="previous"
        )
        assert [(row["before"]["period"], row["before"]["value"], row["change"], row["growth"]) for row in found] == [
            ("2024-01", "3.00", "1.00", 1 / 3),
            ("2024-02", "4.00", "1.00", 0.25),
        ]

    def test_a_year_before_with_what_was_only_then(self, backends: Backends) -> None:
        found = rows(
            told(backends, *self.EVENTS), "bookings", by=["region"], from_="2024-02", to="2024-03", compare="year"
        )
        assert [(row["region"], row["value"], row["before"]["value"], row["growth"]) for row in found] == [
            ("E", "4.00", "1.00", 3.0)
        ]
        total = rows(told(backends, *self.EVENTS), "bookings", by=["region"], from_="2024-01", to="2024-03",
                     compare="year")  # fmt: skip
        assert [(row["region"], row["value"], row["before"]["value"]) for row in total] == [("E", "7.00", "1.00")]

    def test_as_many_months_or_days_before_a_whole_stretch(self, backends: Backends) -> None:
        company = told(backends, *self.EVENTS)
        (row,) = rows(company, "bookings", from_="2024-02", to="2024-04", compare="previous")
        assert row["before"]["value"] == "3.00", "December and January"
        (row,) = rows(company, "bookings", from_="2024-02-29", to="2024-03-02", compare="previous")
        assert (row["value"], row["before"]["value"]) == ("4.00", "0.00")

    def test_no_two_days_against_one(self, backends: Backends) -> None:
        company = told(backends, *(
            event("deal.won", f"{day}T{number:02}:00:00Z", deal_id=f"{day}/{number}", amount=f"{number}")
            for day in ("2023-02-28", "2023-03-01", "2024-02-28", "2024-02-29", "2024-03-01", "2025-02-28")
            for number in range(1, 4)
        ))  # fmt: skip
        for kpi, one in (("deals_won", 3), ("bookings", "6.00"), ("average_deal_size", "2.00")):
            days = rows(company, kpi, grain="day", from_="2024-02-28", to="2024-03-02", compare="year")
            assert [(row["before"]["period"], row["before"]["value"]) for row in days] == [
                ("2023-02-28", one), ("2023-02-28", one), ("2023-03-01", one),
            ], kpi  # fmt: skip
            for day, end in (("2025-02-28", "2025-03-01"), ("2024-02-28", "2024-02-29"), ("2024-02-29", "2024-03-01")):
                (row,) = rows(company, kpi, from_=day, to=end, compare="year")
                assert (row["value"], row["before"]["value"]) == (one, one), (kpi, day)

    def test_days_that_share_their_day_before_each_have_its_median(self, backends: Backends) -> None:
        company = told(backends, *(
            event(type_, f"{day}T00:00:00Z", deal_id=deal, **more)
            for deal, came, won in (("A", "2023-02-18", "2023-02-28"), ("B", "2024-02-01", "2024-02-29"))
            for type_, day, more in (("deal.created", came, {"stage": "new"}), ("deal.won", won, {"amount": "1.00"}))
        ))  # fmt: skip
        days = rows(
            company, "sales_cycle_days/median", grain="day", from_="2024-02-28", to="2024-03-01", compare="year"
        )
        assert [(row["value"], row["before"]["value"]) for row in days] == [(None, 10), (28, 10)]

    def test_it_needs_a_stretch(self) -> None:
        with pytest.raises(BadQuestion, match="allowed: with from and to"):
            question("bookings", compare="year")
        with pytest.raises(BadQuestion, match="allowed: previous, year"):
            question("bookings", compare="week")


class TestRest:
    """The top rows, and all others as one."""

    EVENTS = tuple(
        event("deal.won", "2024-01-10", deal_id=f"D{rep}{number}", rep_id=f"r{rep}", customer_id="C1", amount=f"{rep}")
        for rep in (1, 2, 3, 4)
        for number in range(rep)
    )

    def test_it_adds_up(self, backends: Backends) -> None:
        found = rows(told(backends, *self.EVENTS), "bookings", by=["rep"], limit=2, rest=True)
        assert [(row["rep_id"], row["value"], row.get("rest")) for row in found] == [
            ("r3", "9.00", None),
            ("r4", "16.00", None),
            (None, "5.00", True),
        ]

    def test_in_the_order_of_value_the_rest_is_last(self, backends: Backends) -> None:
        found = rows(told(backends, *self.EVENTS), "deals_won", by=["rep"], limit=1, rest=True, order="-value")
        assert [(row["rep_id"], row["value"]) for row in found] == [("r4", 4), (None, 6)]

    def test_what_is_counted_once_is_counted_once_in_the_rest(self, backends: Backends) -> None:
        bought = [("A", "E"), ("A", "W"), ("B", "N"), ("B", "N"), ("C", "N")]
        orders = (
            event("order.placed", "2024-01-10", order_id=f"O{number}", customer_id=customer, region=region, amount="1")
            for number, (customer, region) in enumerate(bought)
        )
        company = told(backends, *orders)
        found = rows(company, "repeat_purchase_rate", by=["region"], limit=1, rest=True)
        assert [(row["region"], row["parts"]["customers"]) for row in found] == [("E", 1), (None, 3)]
        whole = rows(company, "repeat_purchase_rate")[0]["parts"]
        assert whole == {"repeaters": 2, "customers": 3}

    def test_it_needs_a_limit_and_a_dimension(self) -> None:
        with pytest.raises(BadQuestion, match="allowed: with by and limit"):
            question("bookings", rest=True, by=["rep"])
        with pytest.raises(BadQuestion, match="by more than kpi"):
            question("quota_attainment", rest=True, limit=1)

    def test_targets_of_the_rest_add_up_beside_what_was_reached(self, backends: Backends) -> None:
        aims = (
            event("target.set", "2024-01-01", kpi=kpi, period="2024-01", scope="rep", scope_id=f"r{rep}", value=value)
            for rep in (1, 2, 3)
            for kpi, value in (("bookings", "1"), ("deals_won", "2"), ("win_rate", "0.5"))
        )
        company = told(backends, *self.EVENTS, *aims)
        asked = {"by": ["rep"], "from_": "2024-01", "to": "2024-02", "limit": 2, "order": "-value"}
        found = rows(company, "quota_attainment", where=["kpi=bookings", "kpi=deals_won"], rest=True, **asked)
        assert [(row["kpi"], row["rep_id"], row["value"], row["parts"]) for row in found] == [
            ("bookings", "r3", 9.0, {"actual": "9.00", "target": "1.00"}),
            ("bookings", "r2", 4.0, {"actual": "4.00", "target": "1.00"}),
            ("bookings", None, 17.0, {"actual": "17.00", "target": "1.00"}),
            ("deals_won", None, 10 / 6, {"actual": 10, "target": 6}),
        ]
        (_, _, rest) = rows(company, "quota_attainment", where=["kpi=win_rate"], rest=True, **asked)
        assert (rest["value"], rest["parts"]["actual"], rest["parts"]["target"]) == (2.0, 1.0, 0.5), "one is left"
        (pace, *_) = rows(company, "quota_attainment/pace", where=["kpi=deals_won"], rest=True, **asked | {"limit": 1})
        assert (pace["rep_id"], pace["parts"]["working_days"]) == ("r3", 23)
        (left,) = rows(company, "pipeline_coverage", rest=True, **asked)
        assert (left["rep_id"], left["reason"]) == (None, "no_target"), "none has a target of revenue"
