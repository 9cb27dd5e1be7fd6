"""A table with typed columns, between an answer and a file: what is a number stays one, whatever the file."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Final, Literal, Protocol

import msgspec

from events.currencies import EXPONENTS
from events.envelope import to_moment
from projections.answer import units_of
from projections.formula import Unit
from projections.question import Question

Kind = Literal["text", "money", "count", "number", "day", "moment"]
MOST_DECIMALS: Final = max(EXPONENTS.values())
"""Of all currencies; for columns of amounts in several."""
_EVENT: Final = ("position", "type", "entity", "source", "id")


class Column(msgspec.Struct, frozen=True):
    """A column. Its cells are None, or str, Decimal, int, float, date or an aware datetime, as ``kind`` says."""

    name: str
    kind: Kind
    decimals: int = 0
    """Of money."""


class Rows(Protocol):
    """Rows in order, and how many they are."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...

    def __len__(self) -> int: ...


class Walked:
    """Rows that are read page by page while they are written, once; their number is known afterwards."""

    def __init__(self, first: Sequence[tuple[Any, ...]], more: Iterable[Sequence[tuple[Any, ...]]]) -> None:
        self._pages: Final = chain([first], more)
        self._read = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for page in self._pages:
            self._read += len(page)
            yield from page

    def __len__(self) -> int:
        """How many were read so far."""
        return self._read


class Tabular(msgspec.Struct, frozen=True):
    """Rows under columns, and what they are about, for whoever opens the file later."""

    title: str
    columns: tuple[Column, ...]
    rows: Rows
    about: dict[str, Any]


def answer_table(question: Question, answer: dict[str, Any]) -> Tabular:
    """The rows of an answer: period, dimensions, value, parts, and why there is no value."""
    kpi, rows = question.kpi, answer["rows"]
    decimals = EXPONENTS[answer.get("currency", "CNY")]
    period = Column("period", "day" if question.grain == "day" else "text")
    dims = [Column(name, "text") for name in question.by]
    values = [_number("value", kpi.unit, decimals, [row["value"] for row in rows])]
    if question.compare:
        values.append(_number("before", kpi.unit, decimals, [row["before"]["value"] for row in rows]))
        values.append(_number("change", kpi.unit, decimals, [row["change"] for row in rows]))
        values.append(Column("growth", "number"))
    told_first = len(values)
    values += [_number(part.name, part.unit, decimals, [row["parts"][part.name] for row in rows]) for part in kpi.parts]
    columns = _named_once([period, *dims, *values, Column("reason", "text")])
    told = [
        (
            _cell(period, row["period"]),
            *("(rest)" if row.get("rest") and row[name] is None else row[name] for name in question.by),
            *map(_cell, values, _values(row)),
            *(_cell(column, value) for column, value in zip(values[told_first:], row["parts"].values(), strict=True)),
            " ".join(filter(None, (row.get("reason"), row.get("missing")))) or None,
        )
        for row in rows
    ]
    return Tabular(kpi.id, columns, told, _about(answer))


def _values(row: dict[str, Any]) -> list[Any]:
    """The value of a row, and what it is compared with."""
    compared = [row["before"]["value"], row["change"], row["growth"]] if "before" in row else []
    return [row["value"], *compared]


def receipt_table(question: Question, receipt: dict[str, Any], more: Iterable[dict[str, Any]] | None = None) -> Tabular:
    """The events of a receipt: those counted with what each adds, those in context, and those left out and why; of one
    page and of ``more``, which are read when their rows are written."""
    decimals = EXPONENTS[receipt.get("currency", "CNY")]
    units = units_of(question, [receipt["cell"][name] for name in question.by])
    parts = [_number(part.name, units[part.name], decimals, ()) for part in question.kpi.parts]
    heads = [Column("role", "text"), *_event_columns(), *parts, Column("reason", "text")]

    def listed(page: dict[str, Any]) -> list[tuple[Any, ...]]:
        return [
            (
                each["role"],
                *_event_cells(each),
                *(_cell(part, each.get("contribution", {}).get(part.name)) for part in parts),
                each.get("reason"),
            )
            for each in [*page["events"], *({**each, "role": "excluded"} for each in page["excluded"])]
        ]

    about = _about(receipt) | {"value": receipt["cell"]["value"], "period": receipt["cell"]["period"]}
    rows = listed(receipt)
    told = rows if more is None else Walked(rows, map(listed, more))
    return Tabular(f"{question.kpi.id} explained", _named_once(heads), told, about)


def ledger_table(question: Question, receipt: dict[str, Any], lines: Iterable[tuple[Any, ...]]) -> Tabular:
    """Lines of the ledger, as ``services.export.query`` reads them: in the currency of each, exact."""
    amount = [Column(name, "money", MOST_DECIMALS) for name in ("amount", "cost")]
    columns = (
        Column("position", "count"), Column("line", "count"), Column("event", "count"), Column("book", "text"),
        Column("entity", "text"), Column("measure", "text"), Column("effective", "moment"), Column("count", "count"),
        *amount, *(Column(name, "text") for name in ("currency", "rep_id", "stage", "outcome", "customer")),
    )  # fmt: skip
    rows = [
        (
            *line[:6],
            _moment(line[6]),
            line[7],
            *(_major(minor, line[10]) for minor in line[8:10]),
            *map(_text, line[10:]),
        )
        for line in lines
    ]
    return Tabular(f"{question.kpi.id} ledger", columns, rows, _about(receipt))


def _about(answer: dict[str, Any]) -> dict[str, Any]:
    """Everything that an answer says beside its rows."""
    names = ("kpi", "variant", "unit", "currency", "question", "definition", "cut", "laws")
    return {name: answer[name] for name in names if answer.get(name) is not None}


def _number(name: str, unit: Unit, decimals: int, values: Iterable[Any]) -> Column:
    """The column of values in a unit. Counts and milliseconds are whole, unless a mean is among them."""
    values = list(values)
    if unit == "money" or (unit == "any" and any(isinstance(value, str) for value in values)):
        return Column(name, "money", decimals)
    is_whole = unit in ("count", "ms", "any") and not any(isinstance(value, float) for value in values)
    return Column(name, "count" if is_whole else "number")


def _cell(column: Column, value: Any) -> Any:
    if value is None:
        return None
    match column.kind:
        case "money":
            return Decimal(value)
        case "number":
            return value + 0.0
        case "day":
            return date.fromisoformat(value)
    return value


def _named_once(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The same columns, each under a name of its own: a dimension keeps its name, and what follows it gives way."""
    named: dict[str, Column] = {}
    for column in columns:
        name = column.name if column.name not in named else f"{_KINDS_OF_NAMES.get(column.name, 'part')}_{column.name}"
        named[name] = msgspec.structs.replace(column, name=name)
    return tuple(named.values())


_KINDS_OF_NAMES: Final = {"reason": "null"}
"""What stands before a name that a dimension has already: ``null_reason``; of a part it is ``part``."""


def _event_columns() -> list[Column]:
    return [
        *(Column(name, "count" if name == "position" else "text") for name in _EVENT),
        Column("occurred", "moment"),
        Column("recorded", "moment"),
    ]


def _event_cells(event: dict[str, Any]) -> list[Any]:
    times = (datetime.fromisoformat(event[name]) for name in ("time", "recorded"))
    return [*(event[name] for name in _EVENT), *times]


def _moment(ms: int) -> datetime:
    return to_moment(ms)


def _major(minor: int, currency: str) -> Decimal | None:
    return Decimal(minor).scaleb(-EXPONENTS[currency]) if currency else None


def _text(told: str) -> str | None:
    return told or None
