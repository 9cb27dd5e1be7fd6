"""The audit: two counts that know nothing of each other agree, and a planted mistake is found and made small."""

from collections.abc import Callable
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from events.deals import DealCreated, DealReopened, DealStageMoved, DealUpdated, DealWon
from projections.books.deal import DealBook
from services.audit.recount import KPIS
from services.audit.run import audit, smallest
from tests.oracle.real_path import Company
from tests.services.test_receipt import STORY, on

New = Callable[..., Company]
TOLD = [event for event in STORY if event["data"].get("currency") != "USD"]


def audited(company: Company, **more: Any) -> dict[str, Any]:
    parked = [entry.position for entry, _, _ in company.store.parked(company.tenant)]
    return audit(company.books, company.journal, parked, **({"slices": 2 * len(KPIS), "seed": 1} | more))


DEAL = [
    on("02-01", DealCreated, "made", deal_id="D-1", stage="a", amount="100.00"),
    on("02-02", DealStageMoved, "moved", deal_id="D-1", to_stage="b"),
    on("02-03", DealUpdated, "changed", deal_id="D-1", amount="120.00"),
    on("02-04", DealWon, "won", deal_id="D-1", amount="110.00"),
    on("02-06", DealReopened, "reopened", deal_id="D-1", stage="b"),
    on("02-07", DealWon, "again", deal_id="D-1", amount="90.00"),
]


@pytest.mark.parametrize("seed", range(3))
def test_both_counts_agree_in_whatever_order_it_was_told(seed: int, company: New) -> None:
    told = [*TOLD, *DEAL]
    Random(seed).shuffle(told)
    found = audited(company(told), seed=seed, slices=4 * len(KPIS))
    assert found["differences"] == []
    assert (found["ok"], found["skipped"], found["slices"]) == (True, 0, 4 * len(KPIS))


def test_amounts_in_several_currencies_are_skipped_and_said(company: New) -> None:
    found = audited(company(STORY))
    assert found["ok"]
    assert found["skipped"] > 0


def test_a_mistake_in_a_book_is_shrunk_to_the_events_that_show_it(
    company: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DealBook, "_take_back", lambda self, fact, lines: None)
    found = audited(company([*TOLD, *DEAL]), slices=20 * len(KPIS))

    by_kpi = {each["kpi"]: each for each in found["differences"]}
    assert not found["ok"]
    assert {"bookings", "deals_won", "revenue"} <= by_kpi.keys()
    assert by_kpi["deals_won"]["cause"] == "book"
    assert [event["type"] for event in by_kpi["deals_won"]["events"]] == ["deal.won", "deal.reopened"]


def test_a_line_that_the_events_do_not_post_is_the_ledgers_and_names_its_event(company: New) -> None:
    made = company(DEAL)
    rows = (
        "SELECT * EXCEPT (attributes) FROM {postings} WHERE tenant = {tenant:String} AND measure = 'won' AND event = 4"
    )
    columns = made.books.query("SELECT name FROM system.columns WHERE table = 'postings' ORDER BY position", {})
    (line,) = made.books.query(rows, {"tenant": made.tenant})
    names = [name for (name,) in columns if name != "attributes"]
    doubled = dict(zip(names, line, strict=True)) | {"line": 99}
    made.store.insert("postings", pa.table({name: [value] for name, value in doubled.items()}))
    found = audited(made, slices=6 * len(KPIS))

    by_kpi = {each["kpi"]: each for each in found["differences"]}
    assert by_kpi["bookings"]["cause"] == "ledger"
    assert [event["id"] for event in by_kpi["bookings"]["events"]] == ["won"]


def test_an_empty_journal_has_nothing_to_count(company: New) -> None:
    assert audited(company()) == {"seed": 1, "position": 0, "slices": 0, "skipped": 0, "differences": [], "ok": True}


def test_the_smallest_set_has_nothing_that_could_be_left_out() -> None:
    events: Any = list(range(40))
    asked: list[int] = []

    def fails(some: Any) -> bool:
        asked.append(1)
        return {3, 17, 38} <= set(some)

    found: Any = smallest(events, fails)
    assert found == [3, 17, 38]
    assert len(asked) < 200
