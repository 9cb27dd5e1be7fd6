"""Tables as files. Every format takes the same rows; none lets a text of an event become a formula."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from services.export.tabular import Column, Tabular

_RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that a spreadsheet would take for a formula (OWASP, CSV Injection)."""
_SHEET_ROWS: Final = 1_048_576
_SHEET_DIGITS: Final = 15
"""What a number in a sheet, which is a double, holds for certain."""
_CHUNK: Final = 50_000


class ExportError(Exception):
    """The table does not fit the file. One sentence says why and what is allowed."""


class Format(msgspec.Struct, frozen=True):
    """A kind of file."""

    media: str
    """Its media type."""
    write: Callable[[Tabular, BinaryIO], None]


class _Lines:
    """Ends lines with LF. The writer is to believe in CRLF, or it puts no quotes around a text with a CR in it."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def write(self, line: str) -> None:
        self._text.write(line.removesuffix("\r\n") + "\n")


def csv_safe(text: str) -> str:
    """A text that stays a text in a spreadsheet: what looks like a formula gets an apostrophe in front."""
    return f"'{text}" if text.lstrip(" ").startswith(_RISKY) else text


def as_csv(table: Tabular, out: BinaryIO) -> None:
    """A header and the rows, in UTF-8. Numbers and dates plain; moments in RFC 3339."""
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    writer = csv.writer(_Lines(text))
    writer.writerow([csv_safe(column.name) for column in table.columns])
    for row in table.rows:
        writer.writerow([csv_safe(cell) if isinstance(cell, str) else _plain(cell) for cell in row])
    text.detach()


def as_jsonl(table: Tabular, out: BinaryIO) -> None:
    """An object a line. Money is a decimal string, as everywhere; a double is a number."""
    names = [column.name for column in table.columns]
    for row in table.rows:
        cells = (cell if isinstance(cell, int | float | None) else _plain(cell) for cell in row)
        out.write(json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False).encode() + b"\n")


def as_parquet(table: Tabular, out: BinaryIO) -> None:
    """Exact: money is a decimal, counts are integers. What it is about is in the metadata, under ``salestream``."""
    with pq.ParquetWriter(out, _schema(table), compression="zstd") as writer:
        for batch in _batches(table):
            writer.write_batch(batch)


def as_arrow(table: Tabular, out: BinaryIO) -> None:
    """An Arrow IPC stream with the types of the Parquet file."""
    with pa.ipc.new_stream(out, _schema(table)) as writer:
        for batch in _batches(table):
            writer.write_batch(batch)


def arrow_table(table: Tabular) -> pa.Table:
    """The same in memory."""
    return pa.Table.from_batches(_batches(table), _schema(table))


def as_xlsx(table: Tabular, out: BinaryIO) -> None:
    """A sheet of the rows, in which numbers are numbers and days are days, and one that says what they are about.

    A sheet holds 15 digits of a number; an amount with more is written as text. Raises ExportError where the rows are
    more than a sheet has.
    """
    if len(table.rows) >= _SHEET_ROWS:
        raise _too_many(len(table.rows))
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "in_memory": False, "default_date_format": "yyyy-mm-dd"})
    book.set_properties({"title": table.title, "created": datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
    rows, about = book.add_worksheet("Rows"), book.add_worksheet("About")
    formats = [_cell_format(book, column) for column in table.columns]
    bold = book.add_format({"bold": True})
    rows.freeze_panes(1, 0)
    for x, column in enumerate(table.columns):
        rows.set_column(x, x, 22 if column.kind == "moment" else 16)
        rows.write_string(0, x, column.name, bold)
    for y, row in enumerate(table.rows, 1):
        if y >= _SHEET_ROWS:
            raise _too_many(y)
        for x, cell in enumerate(row):
            _write_cell(rows, y, x, cell, formats[x])
    about.set_column(0, 1, 24)
    for y, (name, told) in enumerate(table.about.items()):
        about.write_string(y, 0, name, bold)
        about.write_string(y, 1, told if isinstance(told, str) else json.dumps(told, ensure_ascii=False))
    book.close()


def _too_many(rows: int) -> ExportError:
    return ExportError(
        f"{rows:,} rows are more than a sheet has; allowed: {_SHEET_ROWS - 1:,}, or csv, jsonl or parquet"
    )


def _cell_format(book: Any, column: Column) -> Any:
    match column.kind:
        case "money":
            return book.add_format({"num_format": "#,##0" + ("." + "0" * column.decimals if column.decimals else "")})
        case "day":
            return book.add_format({"num_format": "yyyy-mm-dd"})
        case "moment":
            return book.add_format({"num_format": 'yyyy-mm-dd hh:mm:ss"Z"'})
    return None


def _write_cell(sheet: Any, y: int, x: int, cell: Any, format_: Any) -> None:
    match cell:
        case None:
            pass
        case str():
            sheet.write_string(y, x, cell)
        case datetime():
            sheet.write_datetime(y, x, cell.astimezone(UTC).replace(tzinfo=None), format_)
        case date():
            sheet.write_datetime(y, x, cell, format_)
        case Decimal() | int() if len(str(cell).strip("-").replace(".", "")) > _SHEET_DIGITS:
            sheet.write_string(y, x, _plain(cell))
        case _:
            sheet.write_number(y, x, cell, format_)


def _plain(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case Decimal():
            return f"{cell:f}"
        case datetime():
            return cell.isoformat(timespec="milliseconds" if cell.microsecond else "seconds").replace("+00:00", "Z")
        case date():
            return cell.isoformat()
    return str(cell)


def _schema(table: Tabular) -> pa.Schema:
    told = json.dumps({"title": table.title, **table.about}, ensure_ascii=False)
    return pa.schema([(column.name, _type(column)) for column in table.columns], {"salestream": told})


def _type(column: Column) -> pa.DataType:
    match column.kind:
        case "money":
            return pa.decimal128(38, column.decimals)
        case "count":
            return pa.int64()
        case "number":
            return pa.float64()
        case "day":
            return pa.date32()
        case "moment":
            return pa.timestamp("ms", "UTC")
    return pa.string()


def _batches(table: Tabular) -> Iterator[pa.RecordBatch]:
    schema = _schema(table)
    told = iter(table.rows)
    while rows := list(islice(told, _CHUNK)):
        columns = list(zip(*rows, strict=True))
        arrays = [pa.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


FORMATS: Final[dict[str, Format]] = {
    "csv": Format("text/csv; charset=utf-8", as_csv),
    "jsonl": Format("application/jsonl", as_jsonl),
    "parquet": Format("application/vnd.apache.parquet", as_parquet),
    "arrow": Format("application/vnd.apache.arrow.stream", as_arrow),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx),
}
"""By the ending of the file."""
