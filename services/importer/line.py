"""One line of a table, however the file is written, and how cells that are no text are written as one."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.importer.mapping import MappingError


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table, which may stretch over several lines of the file."""

    number: int
    """The line of the file, or the row of the sheet, on which it begins, from 1."""
    cells: list[str]
    problem: str = ""
    """Why it cannot be read; empty where it can."""


def as_text(value: Any, point: str) -> str:
    """A cell as the text that a CSV file would hold; ``point`` is the sign in numbers.

    A double is written with 15 significant digits, all that a spreadsheet keeps and shows: 0.1 + 0.2 is ``0.3``. A
    moment at midnight is a day.
    """
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _plain(Decimal(f"{value:.15g}"), point)
        case Decimal():
            return _plain(value, point)
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
        case date() | time():
            return value.isoformat()
    return str(value)


def _plain(value: Decimal, point: str) -> str:
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(".", point)


def empty(path: Path) -> MappingError:
    """The file holds nothing."""
    return MappingError(f"{path.name} is empty; allowed: a file with a header line")
