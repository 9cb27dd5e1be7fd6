"""Answers, receipts and ledgers as tables."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from events.deals import DealCreated, DealLost, DealWon
from events.planning import TargetSet
from events.samples import sample, told
from projections.catalogue import BY_ID
from projections.question import question
from services.export.dispute import packed
from services.export.formats import arrow_table
from services.export.query import WHATS, What, exported
from services.settings import Settings
from tests.oracle.real_path import Company

New = Callable[..., Company]


def on(day: str, event: type, id_: str, **facts: object) -> dict[str, object]:
    return told(sample(event, **facts), id=id_, time=f"2026-09-{day}T09:00:00Z")


@pytest.fixture
def september(company: New) -> Company:
    return company(
        [
            on("01", DealCreated, "1", deal_id="D-1", stage="a", amount="100.00", region="E"),
            on("02", DealWon, "2", deal_id="D-1", amount="90.10", currency="CNY"),
            on("03", DealWon, "3", deal_id="D-2", amount="9.90", region="W", currency="CNY"),
            on("03", DealLost, "4", deal_id="D-3", reason="price"),
            on("03", TargetSet, "5", kpi="bookings", period="2026-09", value="200.00", currency="CNY"),
        ]
    )


def test_an_answer_keeps_its_types(september: Company) -> None:
    asked = question("average_deal_size", by=["region"], grain="day", from_="2026-09-02", to="2026-09-04")
    table = exported(september.books, asked, "answer")

    assert [(column.name, column.kind) for column in table.columns] == [
        ("period", "day"), ("region", "text"), ("value", "money"), ("bookings", "money"), ("won", "count"),
        ("reason", "text"),
    ]  # fmt: skip
    first, second, *_ = table.rows
    assert first == (date(2026, 9, 2), "E", Decimal("90.10"), Decimal("90.10"), 1, None)
    assert second == (date(2026, 9, 2), "W", None, Decimal("0.00"), 0, "zero_denominator")
    assert table.about["definition"]["hash"] == BY_ID["average_deal_size"].hash


def test_what_is_compared_and_what_is_left_have_a_place(september: Company) -> None:
    asked = question(
        "bookings", by=["region"], grain="month", from_="2026-09", to="2026-10", limit=1, rest=True, compare="previous"
    )
    table = exported(september.books, asked, "answer")
    assert [(column.name, column.kind) for column in table.columns] == [
        ("period", "text"), ("region", "text"), ("value", "money"), ("before", "money"), ("change", "money"),
        ("growth", "number"), ("bookings", "money"), ("reason", "text"),
    ]  # fmt: skip
    assert [row[1:6] for row in table.rows] == [
        ("E", Decimal("90.10"), Decimal("0.00"), Decimal("90.10"), None),
        ("(rest)", Decimal("9.90"), Decimal("0.00"), Decimal("9.90"), None),
    ]
    assert {name: table.about["question"][name] for name in ("compare", "rest")} == {
        "compare": "previous",
        "rest": True,
    }


def test_amounts_that_are_not_converted_keep_their_currency(company: New) -> None:
    books = company(
        [
            on("02", DealWon, "1", deal_id="D-1", amount="5.00", currency="USD", region="E"),
            on("02", DealWon, "2", deal_id="D-2", amount="7.00", currency="CNY", region="E"),
            on("02", DealWon, "3", deal_id="D-3", amount="900", currency="JPY", region="W"),
            on("02", DealWon, "4", deal_id="D-4", amount="1.00", currency="CNY", region="W"),
        ]
    ).books
    asked = question("bookings", by=["region"], fx="none", limit=1, rest=True)
    table = exported(books, asked, "answer")
    assert [row[1:4] for row in table.rows] == [
        ("W", "JPY", Decimal("900.00")), ("(rest)", "CNY", Decimal("8.00")), ("(rest)", "USD", Decimal("5.00")),
    ]  # fmt: skip


def test_a_dimension_keeps_its_name_and_others_give_way(september: Company) -> None:
    lost = exported(september.books, question("deals_lost", by=["reason"]), "answer")
    assert [column.name for column in lost.columns] == ["period", "reason", "value", "lost", "null_reason"]
    piped = exported(september.books, question("pipeline_value", by=["pipeline"]), "answer")
    assert [column.name for column in piped.columns] == ["period", "pipeline", "value", "part_pipeline", "reason"]


def test_a_receipt_lists_what_each_event_adds(september: Company) -> None:
    table = exported(september.books, question("bookings"), "receipt")
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, row, strict=True)) for row in table.rows]

    assert [(row["role"], row["id"], row["bookings"]) for row in rows if row["bookings"]] == [
        ("counted", "2", Decimal("90.10")),
        ("counted", "3", Decimal("9.90")),
    ]
    assert rows[0]["occurred"] == datetime(2026, 9, 1, 9, tzinfo=UTC)
    assert sum(row["bookings"] or 0 for row in rows) == Decimal(table.about["value"]) == 100


@pytest.mark.parametrize("what", ["receipt", "ledger"])
@pytest.mark.parametrize("kpi", ["bookings", "win_rate", "net_profit", "pipeline_value"])
def test_what_is_read_in_many_pages_is_the_same(
    kpi: str, what: What, september: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exported(september.books, question(kpi), what)
    monkeypatch.setattr("services.export.query.PAGE", 1)
    walked = exported(september.books, question(kpi), what)
    rows = arrow_table(walked).to_pylist()
    assert (walked.columns, walked.about) == (whole.columns, whole.about)
    assert sorted(rows, key=repr) == sorted(arrow_table(whole).to_pylist(), key=repr)
    assert len(walked.rows) == len(whole.rows) > 1


def test_a_pack_of_many_pages_is_the_same(september: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpacked() -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(packed(september.books, question("bookings"), Settings()))) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    whole = unpacked()
    monkeypatch.setattr("services.export.dispute.PAGE", 2)
    assert unpacked() == whole
    assert whole["events.jsonl"].count(b"\n") > 2


def test_the_ledger_of_a_cell_is_every_line_that_its_events_caused(september: Company) -> None:
    table = exported(september.books, question("bookings", where=["region=E"]), "ledger")
    rows = [(row[5], row[7], row[8]) for row in table.rows]
    assert ("won", 1, Decimal("90.10")) in rows
    assert ("pipeline", -1, Decimal("-100.00")) in rows
    assert {row[4] for row in table.rows} == {"D-1"}


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("kpi", BY_ID)
def test_every_kpi_fits_arrow(kpi: str, what: What, september: Company) -> None:
    where = [each for each in ("stage=a", "kpi=bookings") if each.split("=")[0] in BY_ID[kpi].needs]
    table = exported(september.books, question(kpi, where=where), what)
    assert arrow_table(table).num_rows == len(table.rows)
    assert len({column.name for column in table.columns}) == len(table.columns)
