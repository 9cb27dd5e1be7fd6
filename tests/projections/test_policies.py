"""The policies of CONTRACT section 3a, each as a case worked out by hand. The oracle is held to the same numbers."""

from tests.oracle.real_path import Backends, CloudEvent
from tests.oracle.telling import Answers, event


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


def test_a_win_after_a_loss_takes_the_loss_back_and_the_other_way_round(backends: Backends) -> None:
    told = Answers(
        backends,
        event("deal.created", "2024-01-05", deal_id="D1", stage="a", amount="40"),
        event("deal.lost", "2024-01-10", deal_id="D1", reason="price"),
        event("deal.lost", "2024-01-12", deal_id="D1", reason="time"),
        event("deal.won", "2024-02-10", deal_id="D1", amount="100", cost="30"),
        event("deal.lost", "2024-03-10", deal_id="D1", reason="time"),
    )
    assert told.monthly("deals_won") == [0, 1, -1]
    assert told.monthly("deals_lost") == [1, -1, 1], "a loss of what is lost is none"
    assert told.monthly("bookings") == ["0.00", "100.00", "-100.00"]
    assert told.monthly("cost") == ["0.00", "30.00", "-30.00"]
    february = told.by("reason", "deals_lost", from_="2024-02", to="2024-03")
    assert february == {"price": -1}, "taken back with its reason"
    (row,) = told.rows("win_rate/value", from_="2024-02", to="2024-04")
    assert row["parts"] == {"won_value": "0.00", "lost_value": "60.00"}


def test_a_win_told_again_corrects_the_amount_when_it_is_told(backends: Backends) -> None:
    told = Answers(
        backends,
        event("fx_rate.set", "2024-01-01", base="USD", quote="CNY", rate="7"),
        event("deal.won", "2024-01-10", deal_id="D1", amount="100", cost="30"),
        event("deal.won", "2024-02-10", deal_id="D1", amount="20", currency="USD"),
    )
    assert told.monthly("bookings") == ["100.00", "40.00"]
    assert told.monthly("cost") == ["30.00"], "it keeps its cost, in the currency it was told in"
    assert told.monthly("deals_won") == [1]


def test_what_stood_in_the_pipeline_is_taken_from_where_it_stood(backends: Backends) -> None:
    told = Answers(
        backends,
        event("rep.assigned", "2024-01-01", rep_id="r1", team_id="t1"),
        event("fx_rate.set", "2024-01-01", base="USD", quote="CNY", rate="7"),
        event("deal.created", "2024-01-05", deal_id="D1", stage="a", rep_id="r1", amount="10", currency="USD"),
        event("rep.assigned", "2024-02-01", rep_id="r1", team_id="t2"),
        event("fx_rate.set", "2024-02-01", base="USD", quote="CNY", rate="8"),
        event("deal.stage_moved", "2024-03-05", deal_id="D1", to_stage="b"),
        event("deal.lost", "2024-04-05", deal_id="D1"),
    )
    assert told.monthly("pipeline_value", where=(("team_id", ("t1",)),)) == ["70.00", "70.00"]
    assert told.monthly("pipeline_value", where=(("team_id", ("t2",)),)) == ["0.00", "0.00", "80.00"]


def test_orders_told_again_fulfilling_refunded_and_unknown(backends: Backends) -> None:
    told = Answers(
        backends,
        event("order.placed", "2024-01-10", order_id="O1", amount="100", cost="60"),
        event("order.placed", "2024-02-10", order_id="O1", amount="90", cost="70"),
        event("deal.won", "2024-02-11", deal_id="D1", amount="500", cost="1"),
        event("order.placed", "2024-03-10", order_id="O2", amount="500", cost="200", deal_id="D1"),
        event("order.refunded", "2024-03-11", order_id="O1", amount="90"),
        event("order.refunded", "2024-04-01", order_id="never", amount="5"),
    )
    assert told.monthly("revenue") == ["100.00", "490.00", "-90.00", "-5.00"]
    assert told.monthly("cost") == ["60.00", "11.00", "200.00"], "what fulfils a deal costs, but adds no revenue"
    (row,) = told.rows("gross_margin")
    assert row["parts"] == {"sales": "590.00", "refunds": "95.00", "cost": "271.00"}
    assert row["value"] == (590 - 95 - 271) / (590 - 95)


def test_a_deal_goes_through_its_stages(backends: Backends) -> None:
    stages = [{"stage": "a"}, {"stage": "b"}, {"stage": "c"}]
    told = Answers(
        backends,
        event("pipeline.defined", "2023-01-01", pipeline="default", stages=stages),
        event("deal.created", "2024-01-01", deal_id="D1", stage="a"),
        event("deal.stage_moved", "2024-01-03", deal_id="D1", to_stage="b"),
        event("deal.stage_moved", "2024-02-04", deal_id="D1", to_stage="a"),
        event("deal.created", "2024-01-01", deal_id="D2", stage="a"),
        event("deal.lost", "2024-01-11", deal_id="D2"),
        event("deal.created", "2024-01-05", deal_id="D3", stage="b"),
        event("deal.won", "2024-01-06", deal_id="D3", amount="1"),
        event("deal.created", "2024-01-05", deal_id="D4", stage="b"),
    )
    rows = {row["stage"]: row for row in told.rows("stage_conversion", by=("stage",), from_="2024-01", to="2024-02")}
    assert rows["a"]["parts"] == {"reached": 1, "entered": 2, "open": 0}
    assert rows["b"]["parts"] == {"reached": 1, "entered": 3, "open": 2}
    assert told.by("stage", "stage_conversion/period") == {"a": 1 / 2, "b": 1 / 2}, "back to a is not forward"
    assert told.by("stage", "stage_days") == {"a": 6.0, "b": 16.5}
    assert told.by("stage", "stage_days/median", to="2024-02") == {"a": 6.0, "b": 1.0}


def test_the_pipeline_is_weighted_by_the_probability_in_force(backends: Backends) -> None:
    first = [{"stage": "a", "probability": "0.1"}, {"stage": "b", "probability": "0.5"}]
    later = [{"stage": "a", "probability": "0.2"}, {"stage": "b"}]
    told = Answers(
        backends,
        event("deal.created", "2024-01-05", deal_id="D1", stage="a", amount="100"),
        event("deal.created", "2024-01-06", deal_id="D2", stage="b", amount="1000"),
        event("pipeline.defined", "2024-02-10", pipeline="default", stages=first),
        event("pipeline.defined", "2024-03-10", pipeline="default", stages=later),
        event("deal.updated", "2024-04-10", deal_id="D2", probability="0.75"),
    )
    months = told.rows("weighted_pipeline", grain="month", from_="2024-01", to="2024-05")
    assert [row["value"] for row in months] == ["510.00", "510.00", None, "770.00"]
    assert months[2]["reason"] == "missing_probability"
    assert told.by("stage", "weighted_pipeline", from_="2024-03", to="2024-04") == {"a": "20.00", "b": None}


def test_what_a_customer_is_worth(backends: Backends) -> None:
    told = Answers(
        backends,
        event("order.placed", "2023-05-01", order_id="O1", customer_id="C1", amount="100"),
        event("order.placed", "2023-05-01", order_id="O2", customer_id="C2", amount="100"),
        event("order.placed", "2024-02-01", order_id="O3", customer_id="C1", amount="600"),
        event("order.placed", "2024-02-01", order_id="O4", customer_id="C3", amount="500"),
        event("order.refunded", "2024-03-01", order_id="O4", amount="100"),
        event("customer.churned", "2024-03-01", customer_id="C2"),
        event("spend.recorded", "2024-02-02", category="marketing", amount="300"),
    )
    (row,) = told.rows("clv", from_="2024", to="2025")
    assert row["parts"] == {
        "year_sales": "1100.00", "year_refunds": "100.00", "active_customers": 2, "churned_in_year": 1,
        "active_a_year_ago": 2, "lifespan_years": 5, "year_spend": "300.00", "year_new_customers": 1,
    }  # fmt: skip
    assert row["value"] == "700.00", "500 a year for two years, less 300"
    assert told.value("clv_to_cac", from_="2024", to="2025") == 1000 / 300
    assert told.value("clv", from_="2024", to="2025", as_of="5") == "2500.00", "500 for the five years of the setting"
    assert told.value("cac", from_="2024", to="2025") == "300.00"


def test_surveys_around_their_thresholds(backends: Backends) -> None:
    def answered(day: int, kind: str, score: str, **told: str) -> CloudEvent:
        return event("survey.answered", f"2024-01-{day:02}", kind=kind, score=score, **told)

    told = Answers(
        backends,
        answered(1, "csat", "4", respondent_id="P1"),
        answered(2, "csat", "3.999", respondent_id="P1", customer_id="C1"),
        answered(3, "csat", "8", customer_id="C1", scale_max="10"),
        answered(1, "nps", "9", respondent_id="P1"),
        answered(2, "nps", "8.999", respondent_id="P2"),
        answered(3, "nps", "6", respondent_id="P1"),
        answered(4, "nps", "10"),
        answered(4, "nps", "10"),
    )
    assert told.value("csat") == 2 / 3
    assert told.value("csat/customers") == 1 / 2
    assert told.value("nps") == 40.0
    assert told.value("nps/latest") == 25.0


def test_touchpoints_of_reps_in_place_on_working_days(backends: Backends) -> None:
    told = Answers(
        backends,
        event("calendar.defined", "2024-06-01", holidays=["2024-01-03"], workdays=["2024-01-06"]),
        event("rep.assigned", "2024-01-01", rep_id="r1", team_id="t1"),
        event("rep.assigned", "2024-01-04T23:00:00Z", rep_id="r1", team_id="t2"),
        event("rep.left", "2024-01-06T01:00:00Z", rep_id="r1"),
        event("rep.assigned", "2024-01-05", rep_id="r2", team_id="t1"),
        event("touchpoint.logged", "2024-01-02", rep_id="r1", kind="call"),
        event("touchpoint.logged", "2024-01-03", rep_id="r1", kind="email", direction="inbound"),
        event("touchpoint.logged", "2024-01-03", rep_id="r1", kind="email", automated=True),
    )
    asked = {"from_": "2024-01-01", "to": "2024-01-08"}
    days = {row["team_id"]: row["parts"] for row in told.rows("touchpoints_per_rep_day", by=("team_id",), **asked)}
    assert days == {"t1": {"touchpoints": 2, "rep_days": 4}, "t2": {"touchpoints": 0, "rep_days": 3}}
    assert told.value("touchpoints_per_rep_day", **asked) == 2 / 7
    assert told.by("kind", "touchpoints") == {"call": 1, "email": 1}


def test_profit_after_everything(backends: Backends) -> None:
    told = Answers(
        backends,
        event("deal.won", "2024-01-10", deal_id="D1", amount="1000", cost="400", customer_id="C1"),
        event("spend.recorded", "2024-01-11", category="salaries", amount="100"),
        event("spend.recorded", "2024-01-11", category="advertising", amount="50"),
    )
    assert (told.value("gross_profit"), told.value("net_profit")) == ("600.00", "450.00")
    assert (told.value("gross_margin"), told.value("profit_margin")) == (0.6, 0.45)
    assert (told.value("cac"), told.value("cac/marketing")) == ("150.00", "50.00")
    assert told.by("category", "spend") == {"advertising": "50.00", "salaries": "100.00"}
