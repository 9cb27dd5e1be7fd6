"""Files of tables: read back with other programs, they hold what went in."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.export.formats import FORMATS, ExportError, csv_safe
from services.export.tabular import Column, Tabular

COLUMNS = (
    Column("region", "text"),
    Column("amount", "money", 2),
    Column("n", "count"),
    Column("rate", "number"),
    Column("day", "day"),
    Column("at", "moment"),
)
AT = datetime(2026, 9, 30, 23, 59, 59, 500_000, tzinfo=UTC)
ROWS: list[tuple[Any, ...]] = [
    ("华东", Decimal("1234567.80"), 12, 0.1, date(2026, 9, 30), AT),
    ("=1+1", Decimal("-0.01"), -3, 1.0, date(2026, 1, 1), AT.replace(microsecond=0)),
    (None, None, None, None, None, None),
]
TABLE = Tabular("bookings", COLUMNS, ROWS, {"kpi": "bookings", "cut": {"position": 7}})


def written(format_: str, table: Tabular = TABLE) -> bytes:
    out = io.BytesIO()
    FORMATS[format_].write(table, out)
    return out.getvalue()


def test_csv() -> None:
    assert list(csv.reader(io.StringIO(written("csv").decode()))) == [
        ["region", "amount", "n", "rate", "day", "at"],
        ["华东", "1234567.80", "12", "0.1", "2026-09-30", "2026-09-30T23:59:59.500Z"],
        ["'=1+1", "-0.01", "-3", "1.0", "2026-01-01", "2026-09-30T23:59:59Z"],
        [""] * 6,
    ]


def test_json_lines() -> None:
    first, second, nothing = map(json.loads, written("jsonl").splitlines())
    assert first == {
        "region": "华东", "amount": "1234567.80", "n": 12, "rate": 0.1, "day": "2026-09-30",
        "at": "2026-09-30T23:59:59.500Z",
    }  # fmt: skip
    assert (second["region"], set(nothing.values())) == ("=1+1", {None})


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_arrow_is_exact_and_knows_what_it_is_about(format_: str) -> None:
    content = written(format_)
    table = pq.read_table(io.BytesIO(content)) if format_ == "parquet" else pa.ipc.open_stream(content).read_all()
    assert [str(field.type) for field in table.schema] == [
        "string", "decimal128(38, 2)", "int64", "double", "date32[day]", "timestamp[ms, tz=UTC]",
    ]  # fmt: skip
    assert list(zip(*table.to_pydict().values(), strict=True)) == ROWS
    assert json.loads(table.schema.metadata[b"salestream"])["cut"] == {"position": 7}


def test_a_sheet_has_numbers_days_and_texts_and_no_formula() -> None:
    book = openpyxl.load_workbook(io.BytesIO(written("xlsx")))
    rows = list(book["Rows"].iter_rows())
    assert [cell.value for cell in rows[0]] == [column.name for column in COLUMNS]
    assert [cell.value for cell in rows[1]] == [
        "华东", 1234567.8, 12, 0.1, datetime.fromisoformat("2026-09-30"),
        datetime.fromisoformat("2026-09-30T23:59:59.5"),
    ]  # fmt: skip
    assert [cell.data_type for cell in rows[1]] == ["s", "n", "n", "n", "d", "d"]
    assert (rows[2][0].value, rows[2][0].data_type) == ("=1+1", "s")
    assert rows[1][1].number_format == "#,##0.00"
    assert {cell.value for row in rows[3:] for cell in row} <= {None}
    assert [row[0].value for row in book["About"].iter_rows()] == ["kpi", "cut"]


def test_what_a_sheet_cannot_hold_is_text_or_a_sentence() -> None:
    long = Decimal("12345678901234.56")
    table = Tabular("long", (Column("amount", "money", 2),), [(long,), (Decimal("1234567890123.45"),)], {})
    book = openpyxl.load_workbook(io.BytesIO(written("xlsx", table)))
    assert [row[0].value for row in book["Rows"].iter_rows(min_row=2)] == ["12345678901234.56", 1234567890123.45]
    many = Tabular("many", (Column("n", "count"),), [(1,)] * 1_048_576, {})
    with pytest.raises(ExportError, match=r"1,048,576 rows are more than a sheet has; allowed: 1,048,575, or csv"):
        written("xlsx", many)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_table_without_rows_has_its_columns(format_: str) -> None:
    nothing = Tabular("none", COLUMNS, [], {})
    content = written(format_, nothing)
    assert format_ == "jsonl" or b"region" in content or format_ == "xlsx"
    assert written(format_, nothing) == content, "the same table is the same file"


@given(st.text(st.sampled_from("=+-@\t\r\n＝＋ 'a1"), max_size=6))
def test_no_text_becomes_a_formula_and_none_is_lost(text: str) -> None:
    safe = csv_safe(text)
    assert safe in (text, f"'{text}")
    assert not safe.strip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    lines = written("csv", Tabular("t", (Column("x", "text"), Column("y", "text")), [(text, None)], {})).decode()
    _, row = csv.reader(io.StringIO(lines, newline=""))
    assert row == [safe, ""]
