"""The views for those who ask in SQL say what the KPIs say, whatever the order in which it was told."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from events.deals import DealReopened, DealWon
from projections.question import question
from services.store.cluster import on_cluster
from tests.oracle.real_path import Company
from tests.services.test_receipt import STORY, on

ROOT = Path(__file__).parents[3]
MORE = [
    on("02-14", DealWon, deal_id="D-66", amount="500.00", customer_id="C-1", region="E", rep_id="ana"),
    on("02-16", DealReopened, deal_id="D-66", stage="b"),
]
TOLD = [event for event in STORY if event["data"].get("currency") != "USD" and event["time"] > "2026"] + MORE
"""In one currency, so that no rate stands between the views and the answers; and of the year that is asked for."""


@pytest.fixture(scope="module", params=range(3))
def books(request: pytest.FixtureRequest, backends: Any) -> Company:
    told = list(TOLD)
    Random(request.param).shuffle(told)
    return backends.company(told)  # type: ignore[no-any-return]


def rows(company: Company, sql: str) -> list[tuple[Any, ...]]:
    return company.books.query(sql, {"tenant": company.tenant})


def answered(company: Company, kpi: str, **asked: Any) -> dict[Any, Any]:
    """The answer, by period and what it was grouped by; what comes to nothing is left out."""
    asked = {"from_": "2026-01", "to": "2026-04"} | asked
    found = company.books.ask(question(kpi, **asked))["rows"]
    by = [name for name in found[0] if name not in ("period", "value", "parts", "reason")]
    number = {(row["period"], *(row[name] for name in by)): row["value"] for row in found}
    return {key: Decimal(value) for key, value in number.items() if value is not None and Decimal(value)}


DAILY = (
    ("revenue", "mart_revenue_daily", "revenue"), ("bookings", "mart_revenue_daily", "bookings"),
    ("cost", "mart_revenue_daily", "costs"), ("deals_won", "mart_revenue_daily", "wins"),
    ("spend", "mart_spend", "amount"), ("open_deals", "mart_pipeline_daily", "deals"),
    ("pipeline_value", "mart_pipeline_daily", "amount"), ("touchpoints", "mart_touchpoints", "automated = 0"),
)  # fmt: skip


@pytest.mark.parametrize(("kpi", "view", "column"), DAILY, ids=[each[0] for each in DAILY])
def test_each_day_is_that_of_the_answer(kpi: str, view: str, column: str, books: Company) -> None:
    sql = f"SELECT toString(day) AS d, sum({column}) AS n FROM {view} "
    sql += "WHERE tenant = {tenant:String} AND day < '2026-04-01' GROUP BY d"
    found = {(day,): Decimal(value) for day, value in rows(books, sql) if value}
    expected = answered(books, kpi, grain="day")
    if view == "mart_pipeline_daily":  # which ends with the day of the latest event
        expected = {key: value for key, value in expected.items() if key in found or key[0] <= max(found)[0]}
    assert found == expected
    assert len(found) > 1


def test_deals_are_as_they_stand(books: Company) -> None:
    sql = "SELECT status, count(), sum(amount) FROM mart_deals WHERE tenant = {tenant:String} GROUP BY status"
    found = {status: (count, amount) for status, count, amount in rows(books, sql)}
    total = {
        kpi: sum(answered(books, kpi).values()) for kpi in ("deals_won", "bookings", "deals_lost", "deals_created")
    }
    end = {kpi: sum(answered(books, kpi).values()) for kpi in ("open_deals", "pipeline_value")}

    assert found["won"] == (total["deals_won"], total["bookings"])
    assert found["open"] == (end["open_deals"], end["pipeline_value"])
    assert found.get("lost", (0, 0))[0] == total["deals_lost"]
    assert sum(count for count, _ in found.values()) == total["deals_created"]
    (reopened,) = rows(
        books, "SELECT status, closed_at FROM mart_deals WHERE tenant = {tenant:String} AND deal_id = 'D-66'"
    )
    assert reopened == ("open", None)


def test_customers_are_new_once_and_gone_once(books: Company) -> None:
    sql = (
        "SELECT customer_id, first_purchase_at, revenue, churned_at FROM mart_customers WHERE tenant = {tenant:String}"
    )
    found = {row[0]: row[1:] for row in rows(books, sql)}
    months: dict[Any, Decimal] = defaultdict(Decimal)
    for first, _, _ in found.values():
        if first is not None:
            months[(f"{first:%Y-%m}",)] += 1

    assert months == answered(books, "new_customers", grain="month")
    revenue = answered(books, "revenue", by=["customer"])
    assert {key: row[1] for key, row in found.items() if row[1]} == {
        key[1]: value for key, value in revenue.items() if key[1]
    }
    assert found["C-3"][2] is None, "returned after it had left"


def test_visits_last_as_long_as_the_answer_says(books: Company) -> None:
    sql = "SELECT stage, avg(days), count() FROM mart_stage_visits WHERE tenant = {tenant:String} GROUP BY stage"
    found = {stage: (mean, n) for stage, mean, n in rows(books, sql)}
    answer = books.books.ask(question("stage_days", from_="2026-01", to="2026-04"))
    expected = {row["stage"]: row["value"] for row in answer["rows"] if row["value"] is not None}
    assert {stage: mean for stage, (mean, _) in found.items()} == pytest.approx(expected)


def test_every_purchase_is_one_row(books: Company) -> None:
    orders = {event["data"]["order_id"] for event in TOLD if event["type"] == "order.placed"}
    sql = "SELECT entity FROM mart_purchases WHERE tenant = {tenant:String} ORDER BY entity"
    assert [entity for (entity,) in rows(books, sql)] == sorted({"D-1", "D-6", "D-66"} | orders)


def test_events_hold_nothing_that_was_told(books: Company) -> None:
    assert len(rows(books, "SELECT * FROM mart_events WHERE tenant = {tenant:String}")) == len(TOLD)
    columns = rows(
        books, "SELECT name FROM system.columns WHERE startsWith(table, 'mart_') AND database = currentDatabase()"
    )
    assert ("body",) not in columns


def test_amounts_have_the_decimals_of_their_currency(company: Callable[..., Company]) -> None:
    wins = [
        on("02-01", DealWon, deal_id=code, amount=amount, currency=code)
        for code, amount in (("JPY", "1000"), ("KWD", "1.234"), ("CLF", "0.0001"), ("CNY", "0.01"))
    ]
    made = company(wins)
    found = dict(rows(made, "SELECT currency, amount FROM mart_deals WHERE tenant = {tenant:String}"))
    assert found == {"JPY": 1000, "KWD": Decimal("1.2340"), "CLF": Decimal("0.0001"), "CNY": Decimal("0.01")}


def test_what_lies_above_the_checkpoint_is_not_there(company: Callable[..., Company]) -> None:
    made = company([on("02-01", DealWon, deal_id=f"D-{n}", amount="1.00") for n in range(5)])
    made.store.insert("checkpoints", pa.table({"tenant": [made.tenant], "position": [3], "epoch": [1]}))
    counts = "SELECT (SELECT max(position) FROM mart_ledger WHERE tenant = {tenant:String})"
    assert rows(made, f"{counts}, (SELECT count() FROM mart_events WHERE tenant = {{tenant:String}})") == [(3, 3)]


def test_on_a_cluster_a_view_is_made_everywhere() -> None:
    (made,) = on_cluster("\nCREATE VIEW IF NOT EXISTS mart_x AS\nSELECT 1 FROM postings", "books")
    assert made == "\nCREATE VIEW IF NOT EXISTS mart_x ON CLUSTER 'books' AS\nSELECT 1 FROM postings"


def test_every_panel_of_the_dashboard_can_be_asked(books: Company) -> None:
    dashboard = json.loads((ROOT / "grafana/dashboards/sales.json").read_text("utf-8"))
    asked = [target["rawSql"] for panel in dashboard["panels"] for target in panel["targets"]]
    filled = 0
    for sql in asked:
        plain = re.sub(r"\$__dateFilter\((\w+)\)|\$__timeFilter\((\w+)\)", r"\1\2 >= '2026-01-01'", sql)
        filled += bool(rows(books, plain.replace("'${tenant}'", "{tenant:String}")))
    assert filled == len(asked) > 8


def test_the_page_names_every_view_and_column(books: Company) -> None:
    page = (ROOT / "docs/marts.md").read_text("utf-8")
    shown = {
        name: re.findall(r"`(\w+)`", columns.rpartition("\n\n")[2])
        for name, columns in re.findall(r"^### (\w+)\n\n(.*?)\n(?=\n###|\Z)", page, re.M | re.S)
    }
    sql = (
        "SELECT table, groupArray(name) FROM (SELECT table, name FROM system.columns WHERE "
        "database = currentDatabase() AND startsWith(table, 'mart_') ORDER BY table, position) GROUP BY table"
    )
    assert shown == dict(rows(books, sql))
