"""Questions on the real path: cuts, periods, cells, currencies, order; and a sentence for what cannot be asked."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from events.activities import TouchpointLogged
from events.deals import DealCreated, DealLost, DealWon
from events.envelope import to_text
from events.orders import OrderPlaced, OrderRefunded
from events.people import RepAssigned, RepLeft
from events.planning import CalendarDefined, FxRateSet, PipelineDefined
from events.samples import sample, told
from events.spend import SpendRecorded
from projections.catalogue import BY_ID
from projections.periods import GRAINS
from projections.question import BadQuestion, question
from services.clock import now_ms
from services.settings import Settings
from tests.oracle.real_path import Company
from tests.services.processor.stories import story

New = Callable[..., Company]
Event = dict[str, Any]


def on(time: str, event: Any, recorded: str | None = None, **facts: Any) -> Event:
    """An event that occurred then, and was recorded then or later."""
    time = time if "T" in time else f"{time}T09:00:00Z"
    return told(sample(event, **facts), time=time, recordedtime=recorded or time)


def won(time: str, deal: str, amount: str = "100.00", **facts: Any) -> Event:
    return on(time, DealWon, deal_id=deal, amount=amount, **facts)


def ask(company: Company, kpi: str, **asked: Any) -> dict[str, Any]:
    return company.books.ask(question(kpi, **asked))


def values(company: Company, kpi: str, *names: str, **asked: Any) -> list[Any]:
    """Of each row the period, these dimensions and the value."""
    rows = ask(company, kpi, **asked)["rows"]
    return [(row["period"], *(row[name] for name in names), row["value"]) for row in rows]


class TestCut:
    """Everything as it was known."""

    EVENTS: Final = [
        won("2026-01-10", "D-1", "10.00"),
        won("2026-01-20", "D-2", "20.00"),
        on("2026-01-05", DealWon, "2026-02-10T00:00:00Z", deal_id="D-3", amount="40.00"),
    ]

    @pytest.mark.parametrize(
        ("as_of", "value", "position"),
        [
            (None, "70.00", 3), ("3", "70.00", 3), ("2", "30.00", 2), ("0", "0.00", 0),
            ("2026-02-10T00:00:00Z", "70.00", 3), ("2026-02-09T23:59:59.999Z", "30.00", 2),
            ("2026-01-20", "10.00", 1), ("2026-02", "30.00", 2), ("2026-Q2", "70.00", 3), ("1999-01-01", "0.00", 0),
        ],
    )  # fmt: skip
    def test_a_position_or_a_recorded_time_names_it(
        self, company: New, as_of: str | None, value: str, position: int
    ) -> None:
        new = company(self.EVENTS)
        answer = ask(new, "bookings", as_of=as_of)
        assert (answer["rows"][0]["value"], answer["cut"]["position"]) == (value, position)

    def test_the_answer_says_which_it_was(self, company: New) -> None:
        answer = ask(company(self.EVENTS), "bookings", as_of="2")
        assert answer["cut"] == {"position": 2, "recorded": "2026-01-20T09:00:00Z"}
        assert answer["question"]["as_of"] == "2"

    @pytest.mark.parametrize(
        ("as_of", "sentence"),
        [
            ("4", "as_of 4 lies after the latest position; allowed: 0 to 3, or a moment such as 2026-11"),
            (
                "9" * 40,
                f"as_of {'9' * 40} lies after the latest position; allowed: 0 to 3, or a moment such as 2026-11",
            ),
            ("-1", "as_of '-1' is no moment and no position; allowed: "),
            ("yesterday", "as_of 'yesterday' is no moment and no position; allowed: "),
            ("2026-13-01", "as_of '2026-13-01' is no moment and no position; allowed: "),
            ("", "as_of '' is no moment and no position; allowed: "),
        ],
    )
    def test_what_names_none_is_refused(self, company: New, as_of: str, sentence: str) -> None:
        with pytest.raises(BadQuestion) as refused:
            ask(company(self.EVENTS), "bookings", as_of=as_of)
        assert str(refused.value).startswith(sentence)

    def test_the_future_is_not_known(self, company: New) -> None:
        tomorrow = to_text(now_ms() + 86_400_000)
        with pytest.raises(BadQuestion, match=rf"^as_of '{tomorrow}' lies in the future; allowed: up to 20\d\d-"):
            ask(company(self.EVENTS), "bookings", as_of=tomorrow)

    def test_definitions_are_those_known_then(self, company: New) -> None:
        new = company(
            [
                won("2026-01-10", "D-1", "10.00", currency="USD"),
                on("2026-01-01", FxRateSet, "2026-02-01T00:00:00Z", base="USD", quote="CNY", rate="7"),
                on("2026-01-01", FxRateSet, "2026-03-01T00:00:00Z", base="USD", quote="CNY", rate="8"),
            ]
        )
        assert [ask(new, "bookings", as_of=str(cut))["rows"][0]["value"] for cut in (1, 2, 3)] == [
            None,
            "70.00",
            "80.00",
        ]

    def test_another_tenant_is_not_seen(self, company: New) -> None:
        company(self.EVENTS)
        assert values(company(), "bookings") == [("total", "0.00")]


class TestPeriods:
    """Periods without data are present, with the value of nothing."""

    def test_sums_are_nothing_and_ratios_null_with_a_reason(self, company: New) -> None:
        new = company([won("2026-01-10", "D-1"), won("2026-03-10", "D-2")])

        assert values(new, "bookings", grain="month", from_="2026-01", to="2026-04") == [
            ("2026-01", "100.00"), ("2026-02", "0.00"), ("2026-03", "100.00"),
        ]  # fmt: skip
        february = ask(new, "win_rate", grain="month", from_="2026-01", to="2026-04")["rows"][1]
        assert february == {
            "period": "2026-02", "value": None, "parts": {"won": 0, "lost": 0}, "reason": "zero_denominator",
        }  # fmt: skip

    def test_a_median_of_nothing_has_no_data(self, company: New) -> None:
        (row,) = ask(company(), "sales_cycle_days/median")["rows"]
        assert (row["value"], row["reason"], row["parts"]) == (None, "no_data", {"median_ms": None, "n": 0})

    def test_without_bounds_they_reach_as_far_as_the_postings(self, company: New) -> None:
        new = company([won("2026-01-10", "D-1"), won("2026-03-10", "D-2"), on("2026-06-10", SpendRecorded)])
        assert [row[0] for row in values(new, "bookings", grain="month")] == ["2026-01", "2026-02", "2026-03"]
        assert [row[0] for row in values(new, "bookings", grain="month", from_="2026-02-15")] == ["2026-02", "2026-03"]
        assert [row[0] for row in values(new, "bookings", grain="month", to="2026-02")] == ["2026-01"]

    def test_days_are_those_of_the_tenants_zone(self, company: New) -> None:
        calendar = on("2025-01-01", CalendarDefined, timezone="Asia/Shanghai")
        new = company([calendar, won("2026-01-10T15:59:59Z", "D-1"), won("2026-01-10T16:00:00Z", "D-2")])
        assert values(new, "bookings", grain="day") == [("2026-01-10", "100.00"), ("2026-01-11", "100.00")]
        assert values(new, "bookings", from_="2026-01-11") == [("total", "100.00")]

    def test_days_are_those_of_the_settings_where_no_calendar_is_told(self, company: New) -> None:
        new = company([won("2026-01-10T16:00:00Z", "D-1")], Settings(timezone="Asia/Shanghai"))
        assert values(new, "bookings", grain="day") == [("2026-01-11", "100.00")]

    def test_spend_of_a_day_is_that_day_in_every_zone(self, company: New) -> None:
        spread = on("2026-01-01", SpendRecorded, amount="3.00", period_from="2026-01-10", period_to="2026-01-13")
        for zone in ("Asia/Shanghai", "America/New_York"):
            new = company([on("2025-01-01", CalendarDefined, timezone=zone), spread])
            assert values(new, "spend", grain="day", from_="2026-01-09", to="2026-01-14") == [
                ("2026-01-09", "0.00"), ("2026-01-10", "1.00"), ("2026-01-11", "1.00"), ("2026-01-12", "1.00"),
                ("2026-01-13", "0.00"),
            ]  # fmt: skip

    def test_weeks_begin_as_the_calendar_says(self, company: New) -> None:
        new = company([on("2025-01-01", CalendarDefined, week_start="sunday"), won("2026-03-01", "D-1")])
        assert values(new, "bookings", grain="week") == [("2026-03-01/P7D", "100.00")]

    def test_a_stock_stands_at_the_end_or_now(self, company: New) -> None:
        new = company(
            [
                on("2026-01-10", DealCreated, deal_id="D-1", amount="10.00"),
                on("2026-02-10", DealCreated, deal_id="D-2", amount="20.00"),
                on("2026-03-10", DealLost, deal_id="D-1"),
            ]
        )
        assert values(new, "pipeline_value", grain="month", from_="2026-01", to="2026-05") == [
            ("2026-01", "10.00"), ("2026-02", "30.00"), ("2026-03", "20.00"), ("2026-04", "20.00"),
        ]  # fmt: skip
        assert values(new, "open_deals", as_of="2", grain="month", from_="2026-01", to="2026-04") == [
            ("2026-01", 1), ("2026-02", 2), ("2026-03", 2),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("asked", "sentence"),
        [
            ({"from_": "2026-02", "to": "2026-01"}, "from '2026-02' is not before to '2026-01'; allowed: an earlier "),
            ({"from_": "2026-02", "to": "2026-02"}, "from '2026-02' is not before to '2026-02'; allowed: an earlier "),
            ({"from_": "soon"}, "from 'soon' is no moment; allowed: "),
            ({"to": "2026-02-30"}, "to '2026-02-30' is no moment; allowed: "),
            ({"grain": "hour", "from_": "2000", "to": "2026"},
             "grain has more than 20000 periods of one hour; allowed: a coarser grain or a shorter stretch"),
        ],
    )  # fmt: skip
    def test_a_stretch_that_cannot_be_is_refused(self, company: New, asked: dict[str, str], sentence: str) -> None:
        with pytest.raises(BadQuestion) as refused:
            ask(company(), "bookings", **asked)
        assert str(refused.value).startswith(sentence)

    def test_a_working_day_has_no_hours(self, company: New) -> None:
        with pytest.raises(BadQuestion, match=r"^grain 'hour' is finer than a working day; allowed: day or coarser$"):
            ask(company(), "touchpoints_per_rep_day", grain="hour", from_="2026-03-02", to="2026-03-03")

    @pytest.mark.parametrize("kpi", BY_ID)
    def test_every_kpi_is_answered_in_every_grain_with_or_without_data(
        self, kpi: str, company: New, long_story: Company
    ) -> None:
        for new in (company(), long_story):
            for grain in GRAINS[1:]:
                by = sorted(BY_ID[kpi].dims - {"attributes"})[: 1 if BY_ID[kpi].scoped else 2]
                answer = ask(new, kpi, grain=grain, by=by)
                assert answer["kpi"] == BY_ID[kpi].name


class TestCells:
    """Rows by dimension."""

    def test_a_value_that_is_not_known_is_null_and_comes_last(self, company: New) -> None:
        new = company([won("2026-01-10", "D-1", region="华东"), won("2026-01-11", "D-2")])
        assert values(new, "deals_won", "region", by=["region"]) == [("total", "华东", 1), ("total", None, 1)]

    def test_every_cell_stands_in_every_period(self, company: New) -> None:
        new = company([won("2026-01-10", "D-1", region="E"), won("2026-02-10", "D-2", region="W")])
        assert values(new, "deals_won", "region", by=["region"], grain="month") == [
            ("2026-01", "E", 1), ("2026-01", "W", 0), ("2026-02", "E", 0), ("2026-02", "W", 1),
        ]  # fmt: skip

    def test_of_entities_only_those_with_something_stand(self, company: New) -> None:
        new = company([won("2026-01-10", "D-1"), won("2026-02-10", "D-2")])
        assert values(new, "deals_won", "deal", by=["deal"], grain="month") == [
            ("2026-01", "D-1", 1), ("2026-02", "D-2", 1),
        ]  # fmt: skip

    def test_values_of_one_dimension_are_alternatives_and_dimensions_narrow(self, company: New) -> None:
        new = company(
            [won(f"2026-01-1{n}", f"D-{n}", region=region, rep_id=rep) for n, region, rep in
             ((1, "E", "a"), (2, "W", "a"), (3, "N", "a"), (4, "E", "b"))]
        )  # fmt: skip
        assert values(new, "deals_won", where=["region=E", "region=W", "rep=a"]) == [("total", 2)]
        assert values(new, "deals_won", where=["region=nowhere"]) == [("total", 0)]

    def test_free_dimensions(self, company: New) -> None:
        new = company([won("2026-01-10", "D-1", attributes={"来源": "展会"}), won("2026-01-11", "D-2")])
        assert values(new, "deals_won", "attributes.来源", by=["attributes.来源"]) == [
            ("total", "展会", 1), ("total", None, 1),
        ]  # fmt: skip

    def test_the_reps_assignment_in_force_fills_what_is_not_told(self, company: New) -> None:
        new = company(
            [
                on("2026-01-01", RepAssigned, rep_id="ana", team_id="t1", manager_id="m1"),
                on("2026-02-01", RepAssigned, rep_id="ana", team_id="t2"),
                won("2026-01-10", "D-1", rep_id="ana"),
                won("2026-02-10", "D-2", rep_id="ana"),
                won("2026-02-11", "D-3", rep_id="ana", team_id="t9"),
                won("2025-12-31", "D-4", rep_id="ana"),
            ]
        )
        assert values(new, "deals_won", "team_id", "manager_id", by=["team", "manager"]) == [
            ("total", "t1", "m1", 1), ("total", "t2", None, 1), ("total", "t9", None, 1), ("total", None, None, 1),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("order", "regions"),
        [(None, "ABC"), ("region", "ABC"), ("-region", "CBA"), ("value", "CAB"), ("-value", "BAC")],
    )
    def test_order(self, company: New, order: str | None, regions: str) -> None:
        amounts = {"A": "20.00", "B": "30.00", "C": "10.00"}
        new = company([won("2026-01-10", f"D-{region}", amount, region=region) for region, amount in amounts.items()])

        rows = values(new, "bookings", "region", by=["region"], order=order)
        assert "".join(region for _, region, _ in rows) == regions
        limited = values(new, "bookings", "region", by=["region"], order=order, limit=2)
        assert limited == rows[:2]

    def test_periods_fall_too_and_the_undefined_come_last(self, company: New) -> None:
        new = company([won("2026-01-10", "D-1"), on("2026-03-10", DealLost, deal_id="D-2")])
        asked: dict[str, Any] = {"grain": "month", "from_": "2026-01", "to": "2026-04"}
        assert [row[0] for row in values(new, "win_rate", order="-period", **asked)] == [
            "2026-03",
            "2026-02",
            "2026-01",
        ]
        assert [row[0] for row in values(new, "win_rate", order="value", **asked)] == ["2026-03", "2026-01", "2026-02"]
        assert [row[0] for row in values(new, "win_rate", order="-value", **asked)] == ["2026-01", "2026-03", "2026-02"]


class TestMoney:
    """Converted at the rate in force at each amount's own time."""

    EVENTS: Final = [
        on("2026-01-01", FxRateSet, base="USD", quote="CNY", rate="7.1"),
        on("2026-02-01", FxRateSet, base="USD", quote="CNY", rate="7.2"),
        won("2026-01-31", "D-1", "10.00", currency="USD"),
        won("2026-02-01", "D-2", "10.00", currency="USD"),
        won("2026-02-02", "D-3", "1.00"),
    ]

    def test_each_amount_at_its_own_rate(self, company: New) -> None:
        assert values(company(self.EVENTS), "bookings") == [("total", "144.00")]

    def test_a_missing_rate_is_null_with_the_pair(self, company: New) -> None:
        (row,) = ask(company([won("2025-12-31", "D-0", "10.00", currency="USD"), *self.EVENTS]), "bookings")["rows"]
        assert (row["value"], row["reason"], row["missing"]) == (None, "missing_rate", "USD/CNY")

    def test_only_the_cells_that_lack_it_are_null(self, company: New) -> None:
        new = company([*self.EVENTS, won("2026-02-03", "D-4", "500", currency="JPY", region="日本")])
        assert values(new, "bookings", "region", by=["region"]) == [("total", "日本", None), ("total", None, "144.00")]

    def test_the_currency_that_is_asked(self, company: New) -> None:
        new = company(
            [won("2026-02-02", "D-1", "70.00"), on("2026-01-01", FxRateSet, base="CNY", quote="JPY", rate="20.5")]
        )
        answer = ask(new, "bookings", currency="JPY")
        assert (answer["currency"], answer["rows"][0]["value"]) == ("JPY", "1435")

    def test_the_currency_of_the_calendar(self, company: New) -> None:
        new = company(
            [on("2026-01-01", CalendarDefined, currency="USD"), won("2026-02-02", "D-1", "7.00", currency="USD")]
        )
        assert ask(new, "bookings")["currency"] == "USD"
        assert values(new, "bookings") == [("total", "7.00")]

    def test_a_win_taken_back_later_goes_back_at_the_rate_of_that_day(self, company: New) -> None:
        lost = on("2026-02-10", DealLost, deal_id="D-1")
        new = company([*self.EVENTS[:3], lost])
        assert values(new, "bookings", grain="month") == [("2026-01", "71.00"), ("2026-02", "-72.00")]

    def test_a_ratio_of_amounts_that_lack_a_rate_is_null_for_that_reason(self, company: New) -> None:
        (row,) = ask(company([won("2026-01-10", "D-1", "10.00", currency="USD")]), "average_deal_size")["rows"]
        assert (row["value"], row["reason"], row["parts"]) == (None, "missing_rate", {"bookings": None, "won": 1})


class TestWeights:
    """The probability in force: the deal's own, else its stage's."""

    def test_a_stage_without_a_probability_is_told(self, company: New) -> None:
        new = company([on("2026-01-10", DealCreated, deal_id="D-1", stage="limbo", amount="10.00")])
        (row,) = ask(new, "weighted_pipeline")["rows"]
        assert (row["value"], row["reason"], row["missing"]) == (None, "missing_probability", "default/limbo")

    def test_the_definition_in_force_at_the_periods_end_counts(self, company: New) -> None:
        def defined(day: str, probability: str) -> Event:
            return on(day, PipelineDefined, pipeline="default", stages=[{"stage": "a", "probability": probability}])

        new = company(
            [
                defined("2026-01-01", "0.5"), defined("2026-02-15", "0.9"),
                on("2026-01-10", DealCreated, deal_id="D-1", stage="a", amount="10.00"),
            ]
        )  # fmt: skip
        assert values(new, "weighted_pipeline", grain="month", from_="2026-01", to="2026-03") == [
            ("2026-01", "5.00"), ("2026-02", "9.00"),
        ]  # fmt: skip


class TestRepDays:
    """Reps in place times working days."""

    def test_by_team_with_a_move_and_a_leaving(self, company: New) -> None:
        new = company(
            [
                on("2026-03-02", RepAssigned, rep_id="ana", team_id="t1"),
                on("2026-03-04", RepAssigned, rep_id="ana", team_id="t2"),
                on("2026-03-06", RepLeft, rep_id="ana"),
                on("2026-03-03", TouchpointLogged, rep_id="ana"),
                on("2026-03-31", SpendRecorded),
            ]
        )
        rows = ask(new, "touchpoints_per_rep_day", by=["team"], from_="2026-03-02", to="2026-03-09")["rows"]
        assert [(row["team_id"], row["parts"]) for row in rows] == [
            ("t1", {"touchpoints": 1, "rep_days": 2}),
            ("t2", {"touchpoints": 0, "rep_days": 3}),
        ]

    def test_days_that_are_not_over_yet_are_not_counted(self, company: New) -> None:
        new = company([on("2026-03-02", RepAssigned, rep_id="ana"), on("2026-03-04", SpendRecorded)])
        (row,) = ask(new, "touchpoints_per_rep_day", from_="2026-03", to="2026-04")["rows"]
        assert row["parts"]["rep_days"] == 3


ADDITIVE: Final = (
    "bookings", "revenue", "cost", "gross_profit", "leads_created", "deals_created", "deals_won", "deals_lost",
    "churned_customers", "touchpoints",
)  # fmt: skip


@pytest.fixture(scope="module")
def long_story(backends: Any) -> Company:
    new: Company = backends.company(story(240))
    return new


@pytest.mark.parametrize("kpi", ADDITIVE)
@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_sums_of_periods_and_of_cells_are_the_sum_of_all(kpi: str, grain: str, long_story: Company) -> None:
    def total(**asked: Any) -> Decimal:
        return sum((Decimal(value) for *_, value in values(long_story, kpi, **asked)), Decimal(0))

    whole = total()
    assert total(grain=grain) == whole
    for dimension in sorted(BY_ID[kpi].dims - {"attributes"}):
        assert total(by=[dimension]) == whole
    assert total(grain=grain, by=["region"]) == whole


def test_refunds_are_less_revenue_whenever_they_come(company: New) -> None:
    new = company(
        [
            on("2026-01-10", OrderPlaced, order_id="O-1", amount="100.00"),
            on("2026-02-10", OrderRefunded, order_id="O-1", amount="30.00"),
        ]
    )
    assert values(new, "revenue", grain="month") == [("2026-01", "100.00"), ("2026-02", "-30.00")]
