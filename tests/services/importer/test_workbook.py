"""Workbooks and JSON lines: what a CSV file says, said with cells that know what they are."""

import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.chartsheet import Chartsheet

from services.importer.line import as_text
from services.importer.mapping import MappingError
from tests.services.importer.office import WON, Office, reasons

HEADER = ("id", "closed", "amount")
AMERICAN = WON.replace("rows:", 'format: {dates: "%m/%d/%Y", point: ",", thousands: "."}\nrows:')


def workbook(*sheets: Sequence[Sequence[Any]], names: Sequence[str] = ()) -> bytes:
    """A workbook as a spreadsheet program saves it; a tuple as a cell is a formula and its value."""
    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    day = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for number, rows in enumerate(sheets):
        sheet = book.add_worksheet(names[number] if names else f"S{number}")
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                if isinstance(cell, tuple):
                    sheet.write_formula(y, x, cell[0], None, cell[1])
                elif isinstance(cell, date):
                    sheet.write_datetime(y, x, datetime.fromisoformat(cell.isoformat()), day)
                else:
                    sheet.write(y, x, cell)
    book.close()
    return out.getvalue()


def tell(office: Office, content: bytes, mapping: str = WON, name: str = "main.xlsx", **more: Any) -> dict[str, Any]:
    return office.tell(mapping, content, name=name, **more)


ROWS: dict[str, list[Any]] = {
    "plain": ["D-1", date(2026, 3, 1), 90],
    "text": [" D-1 ", "2026-03-01", "90"],
    "a float that shows as a whole number": ["D-1", date(2026, 3, 1), 90.00000000000001],
    "a formula": ["D-1", date(2026, 3, 1), ("=30*3", 90)],
    "cells behind the last column that are empty": ["D-1", date(2026, 3, 1), 90, "", None],
}


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_a_row_is_what_the_line_of_a_csv_file_is(office: Office, row: list[Any]) -> None:
    assert tell(office, workbook([HEADER, [], row]))["accepted"] == 1
    (event,) = office.told()
    assert (event["data"]["amount"], event["time"]) == ("90.00", "2026-03-01T00:00:00+00:00")
    again = office.tell(WON, "id,closed,amount\nD-1,2026-03-01,90\n")
    assert (again["accepted"], again["duplicates"]) == (0, 1)


def test_dates_and_numbers_of_cells_need_no_form(office: Office) -> None:
    rows = [HEADER, ["D-1", datetime.fromisoformat("2026-03-01T09:30:15"), 1234.5], ["D-2", "12/31/2025", "1.234,5"]]
    report = tell(office, workbook(rows), AMERICAN.replace('"{amount}"', '{number: "{amount}"}'))

    assert report["refused"] == []
    assert [event["data"]["amount"] for event in office.told()] == ["1234.50", "1234.50"]
    assert [event["time"][:19] for event in office.told()] == ["2026-03-01T09:30:15", "2025-12-31T00:00:00"]


def test_rows_that_cannot_be_read_are_refused_and_the_others_told(office: Office) -> None:
    rows = [
        HEADER,
        ["D-1", date(2026, 3, 1), ("=1/0", "#DIV/0!")],
        ["D-2", date(2026, 3, 1), 5],
        ["D-3", date(2026, 3, 1), 5, "one too many"],
        ["D-4", date(2026, 3, 1)],
    ]
    assert reasons(tell(office, workbook(rows))) == [
        (2, "line has the error #DIV/0! in cell C2; allowed: a value"),
        (4, "line has 4 cells; allowed: 3, one for each column"),
        (5, "deal.won data.amount is missing; allowed: " + reasons_end(office, 5)),
    ]
    assert [each["deal_id"] for each in office.data()] == ["D-2"]


def reasons_end(office: Office, line: int) -> str:
    """What the letter of a line says is allowed."""
    (letter,) = [each for each in office.journal.letters("default") if each.origin == f"main.xlsx:{line}"]
    return letter.reason.partition("; allowed: ")[2]


def test_a_formula_that_nobody_computed_is_refused_and_an_empty_text_is_empty(office: Office) -> None:
    out = BytesIO()
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    assert not isinstance(sheet, Chartsheet)
    for row in (HEADER, ("D-1", date(2026, 3, 1), "=30*3"), ("D-2", date(2026, 3, 1), 5)):
        sheet.append(row)
    book.save(out)
    report = tell(office, out.getvalue())
    noted_rows = workbook([(*HEADER, "note"), ["D-3", date(2026, 3, 1), 5, ('=""', "")]])
    as_excel_saves_it = with_sheets(noted_rows, lambda xml: xml.replace(b'<c r="D2">', b'<c r="D2" t="str">'))
    noted = tell(office, as_excel_saves_it, WON.replace('amount: "{amount}"', 'amount: "{amount}", channel: "{note}"'))

    assert [line for line, _ in reasons(report)] == [2]
    assert reasons(report)[0][1].startswith("line has a formula without its value in cell C2; allowed: the workbook")
    assert (report["accepted"], noted["accepted"], noted["refused"]) == (1, 1, [])


def test_sheets_are_chosen_by_name_and_joined(office: Office) -> None:
    book = workbook(
        [("note",), ("nothing here",)],
        [(*HEADER, "owner"), ("D-1", date(2026, 3, 1), 90, "7")],
        [("Id", "Name"), (7, "li.na")],
        names=("Cover", "Deals", "Owners"),
    )
    mapping = WON.replace(
        '  key: "{id}"\n',
        '  key: "{id}"\n  format: {sheet: Deals}\n  join:\n'
        '    owners: {file: "*", format: {sheet: Owners}, key: Id, on: "{owner}"}\n',
    ).replace('amount: "{amount}"', 'amount: "{amount}", rep_id: "{owners.Name}"')
    with pytest.raises(MappingError, match=r"has the sheets Cover, Deals, Owners; allowed: .* format: {sheet: Cover}"):
        tell(office, book)
    with pytest.raises(MappingError, match=r"main.xlsx has no sheet Deal; it has: Cover, Deals, Owners"):
        tell(office, book, mapping.replace("sheet: Deals", "sheet: Deal"))
    assert office.told() == []

    assert tell(office, book, mapping)["accepted"] == 1
    assert office.data()[0]["rep_id"] == "li.na"


def test_a_hidden_sheet_is_no_choice(office: Office, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(BytesIO(workbook([("x",)], [HEADER, ("D-1", date(2026, 3, 1), 9)])))
    book["S0"].sheet_state = "hidden"
    book.active = 1
    book.save(tmp_path / "hidden.xlsx")
    assert tell(office, (tmp_path / "hidden.xlsx").read_bytes())["accepted"] == 1


def with_sheets(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The same workbook with the XML of its sheets changed."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as changed:
        for name in whole.namelist():
            text = whole.read(name)
            changed.writestr(name, change(text) if "worksheets" in name else text)
    return out.getvalue()


def test_a_damaged_workbook_is_a_sentence_and_nothing_of_it_is_told(office: Office) -> None:
    rows = [HEADER, *((f"D-{n}", date(2026, 3, 1), n) for n in range(50))]
    with pytest.raises(MappingError, match=r"^main.xlsx is a damaged Excel workbook \(.*\); allowed: one that opens"):
        tell(office, with_sheets(workbook(rows), lambda xml: xml[: len(xml) // 2]))
    with pytest.raises(MappingError, match=r"^main.xlsx is empty; allowed: a file with a header line"):
        tell(office, workbook([[]]))
    with pytest.raises(MappingError, match="an old Excel workbook, or one with a password"):
        tell(office, b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    assert office.told() == []


def test_the_bytes_of_a_workbook_are_watched_to_the_end(office: Office) -> None:
    content = workbook([HEADER, *((f"D-{n}", date(2026, 3, 1), n) for n in range(300))])
    seen: list[int] = []
    dry = tell(office, content, progress=seen.append, dry_run=True)
    assert (dry["told"], office.told()) == ({"deal.won": 300}, [])
    assert sum(seen) == len(content)
    assert len(seen) > 100
    told = [tell(office, content) for _ in range(2)]
    assert [(each["accepted"], each["duplicates"]) for each in told] == [(300, 0), (0, 300)]


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_an_amount_comes_back_from_a_double_to_the_cent(amount: Decimal) -> None:
    assert Decimal(as_text(float(amount), ".")) == amount
    assert Decimal(as_text(float(amount) + 1e-9 * (abs(amount) < 1000), ".")).quantize(amount) == amount
    assert as_text(float(amount), ",").replace(",", ".") == as_text(float(amount), ".")


def test_json_lines_are_the_same_events(office: Office) -> None:
    mapping = WON.replace("{amount}", "{money.amount}")
    lines = [
        {"id": "D-1", "closed": "2026-03-01", "money": {"amount": 90.10, "list": [1]}, "more": None},
        {"closed": "2026-03-01", "id": "D-2", "money": {"amount": "1234567890123.45"}},
        {"id": "D-3", "closed": None, "money": {"amount": 1}},
    ]
    text = "\n\n".join(map(json.dumps, lines)) + '\n[1]\n{"id": NaN}\n{"id": 1e999}\n{"id"'
    report = office.tell(mapping, text, name="main.jsonl")

    assert [each["amount"] for each in office.data()] == ["90.10", "1234567890123.45"]
    assert [(line, reason.partition(";")[0]) for line, reason in reasons(report)] == [
        (5, "closed is empty"),
        (6, "line is no JSON object"),
        (7, "line is not JSON (NaN is no number)"),
        (8, "line is not JSON (a number is out of range)"),
        (9, "line is not JSON (Expecting ':' delimiter: line 1 column 6 (char 5))"),
    ]
    assert office.tell(mapping, text, name="main.jsonl")["duplicates"] == 2


def test_a_column_that_json_lines_never_tell_is_missing(office: Office) -> None:
    with pytest.raises(MappingError, match=r"^main.jsonl lacks the column amount; it has: id, closed"):
        office.tell(WON, '{"id": "D-1", "closed": "2026-03-01"}\n', name="main.jsonl")
    with pytest.raises(MappingError, match=r"^main.jsonl is empty"):
        office.tell(WON, "{}\n", name="main.jsonl")
    mapping = WON.replace("  key", "  optional_columns: [amount]\n  key")
    assert office.tell(mapping, '{"id": "D-1", "closed": "2026-03-01"}\n', name="main.jsonl")["accepted"] == 0
