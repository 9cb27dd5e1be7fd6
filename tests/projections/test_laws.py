"""The laws of the ledger: each trips on a planted violation, and any row lost or doubled trips at least one."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from events.activities import TouchpointLogged
from events.deals import DealCreated, DealStageMoved, DealWon
from events.orders import OrderPlaced
from events.samples import sample, told
from projections.laws import LAWS
from projections.ledger import Line
from projections.posting import NOWHERE, Dimensions, Posting
from services.replay.verify import broken_laws
from services.store.columns import postings_table
from tests.oracle.real_path import Company

EVENTS: Final = [
    told(event, id=f"e{day}", time=f"2026-03-{day:02d}T09:00:00Z")
    for day, event in enumerate(
        (
            sample(DealCreated, deal_id="won", amount="100.00", stage="qualified"),
            sample(DealCreated, deal_id="open", amount="50.00", stage="qualified"),
            sample(DealStageMoved, deal_id="won", to_stage="proposal"),
            sample(DealWon, deal_id="won", amount="90.00", customer_id="c"),
            sample(TouchpointLogged),
            sample(OrderPlaced),
        ),
        1,
    )
]


@pytest.fixture
def ledger(company: Callable[..., Company]) -> Iterator[Company]:
    """A ledger in which all holds."""
    new = company(EVENTS)
    assert broken(new) == set()
    yield new
    new.store._command("SYSTEM START MERGES", {})


def broken(company: Company) -> set[str]:
    return set(broken_laws(company.store, company.tenant, company.store.checkpoint(company.tenant)))


def plant(company: Company, entity: str = "open", *, dims: Dimensions = NOWHERE, **posting: Any) -> None:
    """One more line, at the position of the last event."""
    facts: dict[str, Any] = {"at_ms": 0, "event": 6} | posting
    line = Line(6, 90, "deal", entity, Posting(dims=dims, **facts))
    company.store.insert("postings", postings_table(company.tenant, [line]))


def delete(company: Company, table: str, where: str) -> None:
    sql = f"ALTER TABLE {{{table}}} DELETE WHERE tenant = {{tenant:String}} AND {where} SETTINGS mutations_sync = 2"
    company.store._command(sql, {"tenant": company.tenant})


def double(company: Company, table: str, where: str) -> None:
    company.store._command("SYSTEM STOP MERGES", {})  # which would make the two rows one
    sql = f"INSERT INTO {{{table}}} SELECT * FROM {{{table}}} WHERE tenant = {{tenant:String}} AND {where}"
    company.store._command(sql, {"tenant": company.tenant})


OPEN: Final = Dimensions(deal="open", pipeline="default", stage="qualified", outcome="entered")
MOVED: Final = Dimensions(deal="open", pipeline="default", stage="qualified", outcome="moved")
RAISED: Final = Dimensions(deal="open", pipeline="default", stage="qualified", outcome="changed", kind="raised")
VIOLATIONS: Final[dict[str, list[Callable[[Company], None]]]] = {
    "deals_are_somewhere": [
        lambda company: delete(company, "postings", "entity = 'open' AND measure = 'created'"),
        lambda company: delete(company, "postings", "entity = 'open' AND measure = 'pipeline'"),
        lambda company: delete(company, "postings", "measure = 'won'"),
        lambda company: plant(company, measure="lost", count=1),
    ],
    "closed_deals_are_out": [
        lambda company: plant(company, "won", dims=OPEN, measure="pipeline", amount=1, currency="CNY"),
        lambda company: plant(company, "open", dims=OPEN, measure="pipeline", count=1, currency="CNY"),
    ],
    "bridge_closes": [
        lambda company: plant(company, dims=MOVED, measure="pipeline", amount=-1, currency="CNY"),
        lambda company: plant(company, dims=RAISED, measure="pipeline", amount=9, cost=7, currency="CNY"),
    ],
    "visits_balance": [
        lambda company: plant(company, "won", dims=MOVED, measure="pipeline", count=-1, currency="CNY"),
        lambda company: plant(company, dims=RAISED, measure="pipeline", count=1, currency="CNY"),
    ],
    "taken_back_is_nothing": [
        lambda company: plant(company, measure="won", amount=1, currency="CNY"),
        lambda company: plant(company, "won", measure="won", count=1, amount=1, currency="CNY"),
    ],
    "wins_are_purchases": [
        lambda company: plant(company, "open", measure="bought", count=1),
        lambda company: plant(company, "won", measure="bought", count=1),
        lambda company: delete(company, "postings", "entity = 'won' AND measure = 'bought'"),
    ],
    "told_once": [
        lambda company: plant(company, "open", measure="created", count=1, event=2),
        lambda company: plant(company, "/crm/demo#e5", measure="touchpoint", count=1, event=5),
    ],
    "lines_are_single": [
        lambda company: double(company, "postings", "measure = 'touchpoint'"),
        lambda company: delete(company, "postings", "position = 4 AND line = 0"),
        lambda company: plant(company, measure="profile", event=7),
    ],
    "lines_are_all_there": [
        lambda company: delete(company, "postings", "measure = 'order'"),
        lambda company: plant(company, measure="profile"),
    ],
    "events_are_single": [
        lambda company: delete(company, "history", "position = 3"),
        lambda company: double(company, "history", "position = 3"),
    ],
}
CASES: Final = [(law, place) for law, each in VIOLATIONS.items() for place in range(len(each))]


def test_every_law_is_shown_a_violation() -> None:
    assert set(VIOLATIONS) == {law.name for law in LAWS}


@pytest.mark.parametrize(("law", "place"), CASES, ids=[f"{law}-{place}" for law, place in CASES])
def test_a_planted_violation_trips_its_law(law: str, place: int, ledger: Company) -> None:
    VIOLATIONS[law][place](ledger)
    assert law in broken(ledger)


@pytest.mark.parametrize("change", [delete, double], ids=["lost", "doubled"])
@pytest.mark.parametrize("row", range(4))
def test_any_single_row_trips_some_law(row: int, change: Callable[..., None], ledger: Company) -> None:
    lines = ledger.store.query(
        "SELECT position, line FROM {postings} WHERE tenant = {tenant:String} ORDER BY position, line",
        {"tenant": ledger.tenant},
    )
    position, line = lines[(len(lines) - 1) * row // 3]

    change(ledger, "postings", f"position = {position} AND line = {line}")

    assert broken(ledger)


def test_what_breaks_a_law_is_told(ledger: Company) -> None:
    delete(ledger, "postings", "entity = 'open' AND measure = 'created'")
    cut = ledger.store.checkpoint(ledger.tenant)
    assert broken_laws(ledger.store, ledger.tenant, cut)["deals_are_somewhere"] == "open, 0, 1"


@pytest.mark.parametrize("position", range(7))
def test_the_laws_of_single_deals_hold_at_every_cut(position: int, company: Callable[..., Company]) -> None:
    new = company(EVENTS)
    for law in LAWS:
        if law.name != "lines_are_all_there":  # it is told of the checkpoint alone
            assert new.store.query(law.sql, {"tenant": new.tenant, "cut": position}) == []
