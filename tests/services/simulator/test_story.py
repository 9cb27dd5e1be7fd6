"""The story hangs together: nobody acts who is not there, nothing moves that was not begun, amounts add up."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.simulator.almanac import Almanac, Stamp, dates, day_number
from services.simulator.company import Company
from services.simulator.dice import Dice
from services.simulator.mess import NO_MESS

Event = dict[str, Any]


@pytest.fixture(scope="module")
def story() -> list[Event]:
    """Two clean years of a company of twenty, in the order in which it happened."""
    return sorted(Company(reps=20, mess=NO_MESS).events(), key=lambda event: event["time"])


def of(story: list[Event], *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """When and what, of some types."""
    return ((event["time"], event["data"]) for event in story if event["type"] in types)


def test_only_reps_in_place_are_in_touch_with_anybody(story: list[Event]) -> None:
    present: set[str] = set()
    for event in story:
        match event["type"]:
            case "rep.assigned":
                present.add(event["data"]["rep_id"])
            case "rep.left":
                present.remove(event["data"]["rep_id"])
            case "touchpoint.logged" if not event["data"].get("automated"):
                assert event["data"]["rep_id"] in present, event
    assert 17 <= len(present) <= 20


def test_reps_join_leave_and_move(story: list[Event]) -> None:
    teams = defaultdict(set)
    for _, data in of(story, "rep.assigned"):
        teams[data["rep_id"]].add(data["team_id"])
    assert len(teams) > 20
    assert any(len(each) > 1 for each in teams.values())
    assert any(of(story, "rep.left"))


def test_managers_are_reps_of_their_team(story: list[Event]) -> None:
    now: dict[str, Event] = {}
    for _, data in of(story, "rep.assigned"):
        now[data["rep_id"]] = data
    managers = {data["manager_id"]: data["team_id"] for data in now.values() if "manager_id" in data}
    assert all(now[manager]["team_id"] == team for manager, team in managers.items())


def test_deals_move_from_the_stage_they_are_in_and_close_once(story: list[Event]) -> None:
    stages: dict[str, str] = {}
    closed: set[str] = set()
    for event in story:
        data = event["data"]
        match event["type"]:
            case "deal.created":
                stages[data["deal_id"]] = data["stage"]
            case "deal.stage_moved":
                assert stages[data["deal_id"]] == data["from_stage"] != data["to_stage"]
                assert data["deal_id"] not in closed
                stages[data["deal_id"]] = data["to_stage"]
            case "deal.won" | "deal.lost":
                assert data["deal_id"] not in closed
                closed.add(data["deal_id"])
            case "deal.reopened":
                closed.remove(data["deal_id"])
                stages[data["deal_id"]] = data["stage"]
            case "deal.updated":
                assert data["deal_id"] not in closed


def test_deals_go_back_change_hands_and_amounts_and_reopen(story: list[Event]) -> None:
    order = ["qualified", "discovery", "trial", "proposal", "negotiation", "contract"]
    moves = [data for _, data in of(story, "deal.stage_moved") if data["to_stage"] in order]
    assert any(order.index(data["to_stage"]) < order.index(data["from_stage"]) for data in moves)
    changed = Counter(name for _, data in of(story, "deal.updated") for name in data)
    assert all(changed[name] > 5 for name in ("amount", "rep_id", "expected_close", "probability"))
    assert any(of(story, "deal.reopened"))


def test_stages_are_those_of_the_pipeline_in_force(story: list[Event]) -> None:
    stages: dict[str, set[str]] = {}
    for event in story:
        data = event["data"]
        if event["type"] == "pipeline.defined":
            stages[data["pipeline"]] = {stage["stage"] for stage in data["stages"]}
        if event["type"] == "deal.created":
            assert data["stage"] in stages[data.get("pipeline", "default")]
    assert "trial" in stages["default"]


def test_the_orders_of_a_deal_add_up_to_it(story: list[Event]) -> None:
    won = {data["deal_id"]: data for _, data in of(story, "deal.won")}
    delivered: dict[str, list[Event]] = defaultdict(list)
    for _, data in of(story, "order.placed"):
        if "deal_id" in data:
            delivered[data["deal_id"]].append(data)
    assert delivered
    whole = 0
    for deal, orders in delivered.items():
        total = sum(Decimal(data["amount"]) for data in orders)
        assert total <= Decimal(won[deal]["amount"])
        assert {data["currency"] for data in orders} == {won[deal]["currency"]}
        whole += total == Decimal(won[deal]["amount"])
    assert whole > 0.9 * len(delivered)


def test_refunds_give_back_no_more_than_was_paid(story: list[Event]) -> None:
    paid = {data["order_id"]: data for _, data in of(story, "order.placed")}
    refunds = [data for _, data in of(story, "order.refunded")]
    assert refunds
    for data in refunds:
        assert Decimal(data["amount"]) <= Decimal(paid[data["order_id"]]["amount"])
        assert data["currency"] == paid[data["order_id"]]["currency"]


def test_customers_leave_and_come_back(story: list[Event]) -> None:
    gone: set[str] = set()
    back = 0
    for event in story:
        customer = event["data"].get("customer_id")
        if event["type"] == "customer.churned":
            assert customer not in gone
            gone.add(customer)
        elif event["type"] in ("customer.returned", "deal.won", "order.placed") and customer in gone:
            gone.remove(customer)
            back += 1
    assert 0 < back < len(gone)


def test_the_company_lives_in_plausible_figures(story: list[Event]) -> None:
    types = Counter(event["type"] for event in story)
    assert 0.2 < types["deal.won"] / (types["deal.won"] + types["deal.lost"]) < 0.45
    assert {"CNY", "USD", "EUR"} == {data["currency"] for _, data in of(story, "deal.won")}
    kinds = Counter(data["kind"] for _, data in of(story, "survey.answered"))
    assert set(kinds) == {"csat", "nps", "collaboration", "training"}
    assert any("customer_id" not in data for _, data in of(story, "order.placed"))
    categories = {data["category"] for _, data in of(story, "spend.recorded")}
    assert categories >= {"marketing", "advertising", "events", "tools", "salaries", "commission", "training"}
    machines = sum(data.get("automated", False) for _, data in of(story, "touchpoint.logged"))
    assert 0.05 < machines / types["touchpoint.logged"] < 0.3


def test_there_are_seasons(story: list[Event]) -> None:
    leads = Counter(time[:10] for time, _ in of(story, "lead.created"))
    weekend = sum(count for day, count in leads.items() if date.fromisoformat(day).weekday() > 4)
    assert weekend < 0.15 * leads.total()
    festival = sum(leads[f"2025-01-{day}"] for day in range(28, 32))
    assert festival < 0.3 * sum(leads[f"2025-03-0{day}"] for day in range(4, 8))
    wins = Counter(time[5:7] for time, _ in of(story, "deal.won") if time[8:10] >= "18")
    assert wins["06"] + wins["09"] > 1.15 * (wins["05"] + wins["08"])


def test_touchpoints_belong_to_working_hours(story: list[Event]) -> None:
    hours = Counter(datetime.fromisoformat(time).hour for time, data in of(story, "touchpoint.logged"))
    assert sum(hours[hour] for hour in range(9, 18)) > 0.75 * hours.total()


def test_the_calendar_of_china_is_known() -> None:
    almanac = Almanac(date(2024, 1, 1), date(2027, 1, 1))
    working = {day.date: day.working for day in almanac.days}
    assert not working[date(2024, 2, 12)]
    assert working[date(2024, 2, 4)]  # a Sunday
    assert not working[date(2025, 10, 8)]
    assert working[date(2026, 2, 14)]  # a Saturday
    days = {year: sum(works for day, works in working.items() if day.year == year) for year in (2024, 2025, 2026)}
    assert days == {2024: 251, 2025: 248, 2026: 248}
    assert almanac.next_working(day_number(date(2025, 1, 28)), china=True) == day_number(date(2025, 2, 5))
    assert almanac.next_working(day_number(date(2025, 1, 28)), china=False) == day_number(date(2025, 1, 28))


def test_a_line_of_holidays_reads_as_dates() -> None:
    assert dates("01-01 05-01/05-03", 2024) == [date(2024, 1, 1), date(2024, 5, 1), date(2024, 5, 2), date(2024, 5, 3)]


def test_a_moment_is_written_on_the_clock_of_shanghai() -> None:
    at = day_number(date(2024, 2, 29)) * 86_400 + 9 * 3600 + 5
    assert Stamp()(at) == "2024-02-29T09:00:05+08:00"


def test_dice_keep_their_word() -> None:
    dice = Dice(3)
    assert {dice.between(1, 3) for _ in range(200)} == {1, 2, 3}
    assert 400 < sum(dice.about(0.5) for _ in range(1000)) < 600
    assert all(-1 <= dice.bell() <= 1 for _ in range(1000))
    assert [Dice(3).roll() for _ in range(2)] == [Dice(3).roll() for _ in range(2)]
