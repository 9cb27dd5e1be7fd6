"""Tables and numbers for people, on a terminal or in a pipe."""

import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from projections.answer import people

if TYPE_CHECKING:
    from rich.table import Table

Text = Callable[[str], str]
"""A text in the language of the person."""

DASH: Final = "–"
_WIDE: Final = 1000
"""Columns of an output that is no terminal: nothing is cut there."""
MS_IN_MINUTES: Final = "ms_in_minutes"
"""The unit of milliseconds that are read as minutes; others are read as days."""
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """A table as text; the columns ``numbers`` are set to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        right = place in numbers
        made.add_column(Text(heading), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        made.add_row(*(Text(printable(cell)) for cell in row))
    return _rendered(made)


def _rendered(made: "Table") -> str:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _WIDE)
    with console.capture() as captured:
        console.print(made)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def printable(text: str) -> str:
    """The text with unseen characters spelled out, so that nobody's data talks to the terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def value(told: Any, unit: str, t: Text, *, long: bool = False) -> str:
    """One value of an answer, exact; a long amount in Chinese also in 万 or 亿 (``long``)."""
    if told is None:
        return DASH
    if unit == "ms":
        return t("{n} days").format(n=f"{told / _DAY_MS:,.1f}")
    if unit == MS_IN_MINUTES:
        return t("{n} minutes").format(n=f"{told / _MINUTE_MS:,.1f}")
    text = people(told, unit)
    if unit == "days":
        return t("{n} days").format(n=text)
    if unit == "minutes":
        return t("{n} minutes").format(n=text)
    return text + _myriads(told) if long and unit == "money" and t("en") == "zh" else text


def part(name: str) -> str:
    """What a part of a KPI is called in a heading: durations are shown in days or minutes, whatever they are
    counted in."""
    return name.removesuffix("_ms")


def _myriads(told: str) -> str:
    amount = abs(Decimal(told))
    for size, word in ((Decimal(100_000_000), "亿"), (Decimal(10_000), "万")):
        if amount >= size:
            return f"（{Decimal(told) / size:,.2f}{word}）"
    return ""


def reason(row: dict[str, Any], t: Text) -> str:
    """Why a row has no value, in words."""
    missing = row.get("missing", "")
    match row.get("reason"):
        case None:
            return ""
        case "zero_denominator":
            return t("nothing to divide by")
        case "no_data":
            return t("no data")
        case "missing_rate":
            return t("no exchange rate {pair} in force").format(pair=missing)
        case "missing_probability":
            return t("no probability for stage {stage}").format(stage=missing)
        case "no_target":
            return t("no target")
        case "target_reached":
            return t("target reached")
        case other:
            return f"{other} {missing}".strip()
