"""Every answer of the real path equals the oracle's, exactly: for random histories, and for every policy by hand."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from projections.catalogue import BY_ID
from projections.question import BadQuestion
from tests.oracle.answers import Row, ask
from tests.oracle.comparison import differences
from tests.oracle.kpis import FORMULAS, PARTS
from tests.oracle.real_path import Backends
from tests.oracle.telling import Answers, event
from tests.oracle.window import Query
from tests.projections.strategies import THEME_OF, CloudEvent, histories, queries

DEEP = int(os.environ.get("ORACLE_EXAMPLES", "0"))
"""Examples of a long run; 0: as many as the profile says."""


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    """The one engine of this process, for as long as this module needs it."""
    opened = Backends(tmp_path_factory.mktemp("oracle"))
    yield opened
    opened.close()


def shared(of: int) -> settings:
    """One example in ``of`` of those that the profile has."""
    return settings(settings(), max_examples=DEEP or max(settings().max_examples // of, 4))


def test_the_oracle_knows_every_kpi_and_its_parts() -> None:
    assert set(PARTS) == set(FORMULAS) == set(BY_ID)
    assert {kpi: list(parts) for kpi, parts in PARTS.items()} == {
        kpi: [part.name for part in known.parts] for kpi, known in BY_ID.items()
    }


@st.composite
def asked_histories(draw: st.DrawFn) -> tuple[list[CloudEvent], list[Query]]:
    """A history and two questions about it, mostly about what its events have to do with."""
    first = draw(queries())
    theme = THEME_OF.get(first.kpi, "deals")
    kin = tuple(kpi for kpi in BY_ID if THEME_OF.get(kpi, "deals") == theme)
    events = draw(histories(("everything", theme, theme, theme)))
    return events, [first, draw(queries(kin))]


@shared(of=1)
@given(asked=asked_histories())
def test_any_answer_about_any_history(backends: Backends, asked: tuple[list[CloudEvent], list[Query]]) -> None:
    events, questions = asked
    company = backends.company(events)
    facts = company.facts()
    for query in questions:
        try:
            answer = company.ask(query)
        except BadQuestion as refused:
            # Bounds that coincide in the tenant's zone, and positions that the journal has not reached.
            assume(refused.field not in ("from", "to", "as_of"))
            raise
        wrong = differences(answer, ask(facts, query), query)
        assert not wrong, "\n".join([str(query), *wrong])


STANDING = ("pipeline_value", "open_deals", "weighted_pipeline", "clv", "clv_to_cac", "churn_rate", "retention_rate")
FLOWS = tuple(kpi for kpi in BY_ID if kpi not in STANDING and kpi != "touchpoints_per_rep_day")


@shared(of=4)
@given(events=histories(), query=queries(FLOWS), grain=st.sampled_from(["month", "quarter", "year"]))
def test_periods_without_bounds_cover_everything(
    backends: Backends, events: list[CloudEvent], query: Query, grain: str
) -> None:
    company = backends.company(events)
    asked = replace(query, grain=grain, from_=None, to=None, as_of=None)
    rows = company.ask(asked)["rows"]
    everything = replace(asked, from_="2020", to="2028")
    known = ask(company.facts(), everything)
    assert not differences({**company.ask(asked), "rows": rows}, beyond(known, rows), everything)
    labels = list(dict.fromkeys(row["period"] for row in rows)) if events else []
    every = list(dict.fromkeys(row.period for row in known))
    assert not labels or every[every.index(labels[0]) :][: len(labels)] == labels, "no period is left out in between"


def beyond(known: list[Row], rows: list[dict[str, Any]]) -> list[Row]:
    """What the oracle knows, without the periods of nothing before and after those of the answer."""
    told = {row["period"] for row in rows}
    return [row for row in known if row.period in told or not row.is_nothing()]


def test_policy_1_an_amount_changed_after_the_win_counts_when_it_changed(backends: Backends) -> None:
    told = Answers(
        backends,
        event("deal.won", "2024-01-10", deal_id="D1", amount="100"),
        event("deal.updated", "2024-03-05", deal_id="D1", amount="130.50"),
        event("deal.updated", "2024-02-20", deal_id="D1", amount="90"),
    )
    assert told.monthly("bookings", as_of="2") == ["100.00", "0.00", "30.50"]
    assert told.monthly("bookings") == ["100.00", "-10.00", "40.50"], "a back-dated change restates the past"
    assert told.monthly("deals_won") == [1]


def test_policy_1_events_of_one_instant_count_in_the_order_of_their_arrival(backends: Backends) -> None:
    at = "2024-01-10T12:00:00Z"
    lost, won = event("deal.lost", at, deal_id="D1"), event("deal.won", at, deal_id="D1", amount="5")
    lost_last = Answers(backends, won, lost)
    won_last = Answers(backends, lost, won)
    assert [told.value(kpi) for told in (lost_last, won_last) for kpi in ("deals_won", "deals_lost")] == [0, 1, 1, 0]


def test_policy_2_a_reopening_takes_the_win_back_when_it_reopens(backends: Backends) -> None:
    told = Answers(
        backends,
        event("deal.won", "2024-01-10", deal_id="D1", amount="100", cost="60"),
        event("deal.reopened", "2024-03-05", deal_id="D1", stage="a"),
        event("deal.won", "2024-05-02", deal_id="D1", amount="80"),
    )
    assert told.monthly("bookings") == ["100.00", "0.00", "-100.00", "0.00", "80.00"]
    assert told.monthly("cost") == ["60.00", "0.00", "-60.00", "0.00", "60.00"], "the cost stands until told otherwise"
    assert told.monthly("deals_won") == [1, 0, -1, 0, 1]
    assert told.monthly("pipeline_value")[2:] == ["100.00", "100.00"]


def test_policy_2_a_voided_win_never_happened_and_both_clocks_show_it(backends: Backends) -> None:
    told = Answers(
        backends,
        event("deal.won", "2024-01-10", "2024-01-11T00:00:00Z", deal_id="D1", amount="100"),
        event("event.voided", "2024-06-01", "2024-06-02T00:00:00Z", source="/crm", id="e1"),
        event("event.voided", "2024-06-03", "2024-06-04T00:00:00Z", source="/crm", id="e2"),
        event("event.voided", "2024-06-03", "2024-06-05T00:00:00Z", source="/crm", id="e5"),
        event("deal.won", "2024-02-10", "2024-06-06T00:00:00Z", deal_id="D2", amount="7"),
    )
    assert told.value("bookings", as_of="2024-06-01") == "100.00"
    assert told.value("bookings", as_of="2024-06-02T00:00:00Z") == "0.00"
    assert told.value("bookings") == "0.00", "a voiding cannot be voided, and may be told before what it voids"
    assert told.value("deals_created") == 0


def test_policy_3_a_posting_belongs_where_its_entity_is_at_its_time(backends: Backends) -> None:
    told = Answers(
        backends,
        event("rep.assigned", "2024-01-01", rep_id="r1", team_id="t1", region="E", manager_id="m1"),
        event("rep.assigned", "2024-02-01", rep_id="r1", team_id="t2"),
        event("deal.won", "2024-01-10", deal_id="D1", rep_id="r1", amount="1"),
        event("deal.updated", "2024-02-10", deal_id="D1", amount="3"),
        event("deal.won", "2024-02-10", deal_id="D2", rep_id="r1", team_id="own", amount="5"),
        event("rep.left", "2024-03-01", rep_id="r1"),
        event("deal.won", "2024-03-10", deal_id="D3", rep_id="r1", amount="7"),
    )
    assert told.by("team_id", "bookings") == {"t1": "1.00", "t2": "9.00", "own": "5.00"}
    assert told.by("region", "bookings") == {"E": "1.00", None: "14.00"}, "an assignment is a full statement"
    assert told.by("manager_id", "bookings") == {"m1": "1.00", None: "14.00"}
    assert told.value("bookings", where=(("team_id", ("t1", "own")),)) == "6.00"
    assert told.value("bookings", where=(("region", ("",)),)) == "14.00"


def test_policy_4_the_cycle_starts_with_the_first_contact(backends: Backends) -> None:
    told = Answers(
        backends,
        event("deal.created", "2024-02-01", deal_id="D1", stage="a", lead_id="L1"),
        event("deal.won", "2024-02-11T00:00:00Z", deal_id="D1", amount="1"),
        event("lead.created", "2024-01-25", lead_id="L1"),
        event("touchpoint.logged", "2024-01-22", rep_id="r1", kind="call", lead_id="L1", direction="inbound"),
        event("touchpoint.logged", "2024-02-02", rep_id="r1", kind="call", deal_id="D1"),
        event("deal.won", "2024-02-20", deal_id="D2", amount="1"),
        event("deal.created", "2024-02-20T11:59:59.999Z", deal_id="D3", stage="a"),
        event("deal.won", "2024-02-20", deal_id="D3", amount="1"),
    )
    rows = told.rows("sales_cycle_days")
    assert rows[0]["parts"] == {"cycle_ms": 1_684_800_000 + 0 + 1, "n": 3}, "19.5 days; won at once; a millisecond"
    assert told.value("sales_cycle_days/median") == 1 / 86_400_000
    assert told.value("sales_cycle_days/from_deal", where=(("lead", ("L1",)),)) == 9.5
    assert told.value("sales_cycle_days", as_of="2") == 9.5, "the lead and its touchpoint were not known yet"


def test_policy_5_a_cohort_belongs_where_it_came_in_and_counts_what_happened_since(backends: Backends) -> None:
    told = Answers(
        backends,
        event("lead.created", "2024-01-02", lead_id="L1", region="E"),
        event("lead.created", "2024-01-02", lead_id="L2", region="W"),
        event("deal.created", "2024-01-05", deal_id="D1", stage="a", lead_id="L1"),
        event("deal.created", "2024-01-06", deal_id="D2", stage="a"),
        event("deal.created", "2024-01-07", deal_id="D3", stage="a"),
        event("deal.lost", "2024-03-01", deal_id="D2"),
        event("deal.won", "2024-05-01", deal_id="D1", amount="1"),
    )
    (row, *_) = told.rows("win_rate/created", grain="month", from_="2024-01", to="2024-06")
    assert (row["value"], row["parts"]) == (1 / 3, {"won": 1, "created": 3, "open": 1})
    assert told.value("win_rate/created", as_of="6") == 0.0
    assert told.by("region", "lead_conversion_rate", from_="2024-01", to="2024-02") == {"E": 1.0, "W": 0.0}


def test_policy_6_nothing_to_divide_by_is_null_with_a_reason(backends: Backends) -> None:
    told = Answers(backends, event("spend.recorded", "2024-01-01", category="tools", amount="5"))
    (row,) = told.rows("cac")
    assert (row["value"], row["reason"], row["parts"]) == (
        None,
        "zero_denominator",
        {"spend": "5.00", "new_customers": 0},
    )
    (row,) = told.rows("stage_days/median", by=("stage",), where=(("stage", ("a",)),)) or [{"reason": "no_data"}]
    assert row["reason"] == "no_data"
    assert told.rows("win_rate")[0]["reason"] == "zero_denominator"
    assert (told.value("bookings"), told.value("deals_won")) == ("0.00", 0)


def test_policy_7_money_is_rounded_once_half_to_even(backends: Backends) -> None:
    told = Answers(
        backends,
        event("fx_rate.set", "2024-01-01", base="USD", quote="CNY", rate="0.5"),
        *[event("deal.won", "2024-01-10", deal_id=f"D{n}", amount="0.01", currency="USD", region="E") for n in (1, 2)],
        event("deal.won", "2024-01-10", deal_id="D3", amount="0.03", currency="USD", region="W"),
        event("deal.won", "2024-01-10", deal_id="D4", amount="0.01", currency="USD", region="N"),
    )
    by_region = told.by("region", "bookings")
    assert by_region == {"E": "0.01", "W": "0.02", "N": "0.00"}, "1.5 cents and half a cent go to the even one"
    assert told.value("bookings") == "0.03"
    assert told.value("average_deal_size") == "0.01"


def test_policy_7_spread_amounts_add_up_to_the_last_cent(backends: Backends) -> None:
    events = {"category": "events"}
    told = Answers(
        backends,
        event(
            "spend.recorded", "2024-03-01", amount="100.01", period_from="2024-02-28", period_to="2024-03-02", **events
        ),
        event("spend.recorded", "2024-03-05", amount="3", period_from="2024-03-07", period_to="2024-03-07", **events),
        event("spend.recorded", "2024-03-09", amount="4", **events),
    )
    rows = told.rows("spend", grain="day", from_="2024-02-28", to="2024-03-10")
    days = {row["period"]: row["value"] for row in rows if row["value"] != "0.00"}
    assert days == {
        "2024-02-28": "33.34", "2024-02-29": "33.34", "2024-03-01": "33.33", "2024-03-07": "3.00", "2024-03-09": "4.00",
    }  # fmt: skip


def test_policy_8_days_begin_at_midnight_of_the_zone_in_force(backends: Backends) -> None:
    told = Answers(
        backends,
        event("calendar.defined", "2024-01-01", timezone="Europe/Berlin"),
        *[
            event("deal.won", time, deal_id=f"D{number}", amount="1")
            for number, time in enumerate(
                ["2024-03-30T22:59:59.999Z", "2024-03-30T23:00:00Z", "2024-03-31T21:59:59.999Z", "2024-03-31T22:00:00Z"]
            )
        ],
    )
    rows = told.rows("deals_won", grain="day", from_="2024-03-30", to="2024-04-02")
    assert [row["value"] for row in rows] == [1, 2, 1], "31 March has 23 hours"
    assert len(told.rows("deals_won", grain="hour", from_="2024-03-31", to="2024-04-01")) == 23
    assert told.value("deals_won", from_="2024-03-31", to="2024-03-31T21:59:59.999Z") == 1


def test_policy_8_a_stock_stands_right_before_the_end_or_at_the_cut(backends: Backends) -> None:
    told = Answers(
        backends,
        event("deal.created", "2024-02-01T00:00:00Z", "2025-03-01T00:00:00Z", deal_id="D1", stage="a", amount="10"),
        event("deal.lost", "2024-03-01T00:00:00Z", "2025-03-01T00:00:00Z", deal_id="D1"),
        event("deal.created", "2025-03-02", "2025-03-01T00:00:00Z", deal_id="D2", stage="a"),
    )
    assert told.monthly("open_deals") == [0, 1], "in January it is not there yet, at the end of February still"
    assert told.value("open_deals", from_="2025", to="2026") == 0, "D2 opens after the cut"
    assert told.value("open_deals", as_of="1") == 1


def test_policy_9_customers_buy_leave_and_come_back(backends: Backends) -> None:
    told = Answers(
        backends,
        event("order.placed", "2024-01-10", order_id="O1", customer_id="C1", amount="100", region="E"),
        event("order.placed", "2024-01-11", order_id="O2", customer_id="C2", amount="50", region="E"),
        event("order.placed", "2024-01-12", order_id="O3", customer_id="C3", amount="50"),
        event("customer.churned", "2024-03-10", customer_id="C1", reason="price"),
        event("order.refunded", "2024-03-11", order_id="O2", amount="50"),
        event("order.placed", "2024-05-10", order_id="O4", customer_id="C1", amount="1", region="W"),
        event("customer.churned", "2024-05-11", customer_id="C2"),
    )
    assert told.monthly("new_customers") == [3], "bought for the first time; a purchase later is none"
    (march,) = told.rows("churn_rate", from_="2024-03", to="2024-04")
    assert (march["value"], march["parts"]) == (1 / 3, {"churned": 1, "active_at_start": 3})
    assert told.value("retention_rate", from_="2024-03", to="2024-04") == 2 / 3
    assert told.by("region", "churn_rate", from_="2024-03", to="2024-04") == {"E": 0.5, None: 0.0}
    (june,) = told.rows("churn_rate", from_="2024-06", to="2024-07")
    assert june["parts"] == {"churned": 0, "active_at_start": 2}, "C2 got all money back; C1 bought again"


def test_policy_10_amounts_are_converted_at_the_rate_of_their_moment(backends: Backends) -> None:
    told = Answers(
        backends,
        event("fx_rate.set", "2024-01-10", base="USD", quote="CNY", rate="7"),
        event("fx_rate.set", "2024-02-01", base="USD", quote="CNY", rate="8"),
        event("fx_rate.set", "2024-02-01", base="USD", quote="CNY", rate="100", kind="plan"),
        event("deal.won", "2024-01-10", deal_id="D1", amount="1", currency="USD"),
        event("deal.reopened", "2024-02-02", deal_id="D1", stage="a"),
        event("deal.won", "2024-02-03", deal_id="D2", amount="2", currency="USD"),
    )
    assert told.monthly("bookings") == ["7.00", "8.00"]
    (row,) = told.rows("bookings", currency="EUR")
    assert (row["value"], row["reason"], row["missing"]) == (None, "missing_rate", "USD/EUR")


def test_policy_11_the_same_identity_is_the_same_event(backends: Backends) -> None:
    first = {**event("deal.won", "2024-01-10", deal_id="D1", amount="100"), "id": "same"}
    other = {**event("deal.won", "2024-01-10", deal_id="D1", amount="999"), "id": "same"}
    told = Answers(backends, first, first, other)
    assert told.value("bookings") == "100.00"
    tally = told.company.journal.tally(told.company.tenant)
    assert (tally.told, tally.accepted, tally.duplicates, tally.refused) == (3, 1, 1, 1)


def test_policy_12_what_was_never_told_is_filled_in_when_it_is(backends: Backends) -> None:
    told = Answers(
        backends,
        event("deal.stage_moved", "2024-02-10", deal_id="D1", to_stage="b"),
        event("deal.created", "2024-02-01", deal_id="D1", stage="a", region="E", amount="7"),
    )
    assert told.by("region", "open_deals", as_of="1") == {None: 1}
    assert told.monthly("deals_created", as_of="1") == [0, 1]
    assert told.by("region", "pipeline_value") == {"E": "7.00"}
    assert told.by("stage", "stage_days") == {"a": 9.0}
