"""From one row to one event: its time, its data, its amounts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from events.currencies import EXPONENTS
from events.fields import fields_of
from events.vocabulary import BY_TYPE
from services.importer.arithmetic import first_computed, plain, total
from services.importer.mapping import Event, Format, Moment, Value
from services.importer.moments import ISO, read_moment
from services.importer.rounding import Carried, rounded
from services.importer.template import BadRow, Row, Template, first_said, named

_MONEY: Final = {"amount", "cost"}
_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all steps of an import."""

    source: str
    format: Format
    zone: str
    currency: str
    """Of amounts that name none."""
    names_currency: bool
    """Whether it is the mapping that says so, and then every event does."""
    is_typed: bool = False
    """Whether dates come from the cells of a workbook, which know that they are dates: no form of text is theirs."""


class Maker:
    """Makes the events of one kind."""

    def __init__(self, mapping: Event, terms: Terms, format_: Format) -> None:
        self.mapping: Final = mapping
        self.carried: Final = Carried()
        self._terms: Final = terms
        self._format: Final = format_
        self._numerals: Final = format_.numerals
        self._examples: Final = {each.name: each.example for each in fields_of(BY_TYPE[mapping.type])}

    def event(self, row: Row, sums: Mapping[str, list[Decimal]]) -> dict[str, Any] | None:
        """The event of a row, without its identity; None where its conditions do not hold. Raises BadRow."""
        for column, condition in self.mapping.when.items():
            if not condition.holds(row[column]):
                return None
        data = {}
        for name, value in self.mapping.data.items():
            found = self._sum(name, value, row, sums[name]) if value.sum else self._found(name, value, row)
            if found is not None:
                data[name] = found
        if self._terms.names_currency and "currency" not in data and data.keys() & _MONEY:
            data["currency"] = self._terms.currency
        return {"type": self.mapping.type, "time": self._time(self.mapping.time, row), "data": data}

    def summands(self, row: Row) -> Iterator[tuple[str, Decimal]]:
        """What a line adds to the sums of its group. Raises BadRow where it has no number for one."""
        if not all(condition.holds(row[column]) for column, condition in self.mapping.when.items()):
            return
        for name, value in self.mapping.data.items():
            if value.sum is None:
                continue
            amount = first_computed(value.sum, row, self._numerals)
            if amount is None:
                columns = ", ".join(dict.fromkeys(column for each in value.sum for column in each.columns))
                raise BadRow(columns, f"has no number for {name}; allowed: a number on every line of a group")
            if value.round is not None and value.round.what == "line":
                amount = rounded(amount, self._decimals(row))
            yield name, amount

    def _found(self, name: str, value: Value, row: Row) -> Any:
        if value.fields is not None:
            inner = {key: self._found(f"{name}.{key}", each, row) for key, each in value.fields.items()}
            return {key: each for key, each in inner.items() if each is not None} or None
        if value.date is not None:
            moment = self._moment(value.date, value.format, self._terms.zone, row)
            return moment and moment.astimezone(ZoneInfo(self._terms.zone)).date().isoformat()
        if value.number is not None:
            number = first_computed(value.number, row, self._numerals)
            if number is not None and value.round is not None:
                number = rounded(number, self._decimals(row))
            return None if number is None else self._as_told(name, plain(number))
        if value.text is not None:
            text = first_said(value.text, row)
            return self._as_told(name, _mapped(name, value, text, row)) if text else None
        return value.constant

    def _sum(self, name: str, value: Value, row: Row, amounts: list[Decimal]) -> str:
        rounding = value.round
        if rounding is None or rounding.what == "line":
            return plain(total(amounts))
        decimals = self._decimals(row)
        if rounding.what == "event":
            return plain(rounded(total(amounts), decimals))
        within = rounding.within.fill(row) if rounding.within else ""
        return plain(self.carried.rounded(name, within, total(amounts), decimals))

    def _decimals(self, row: Row) -> int:
        told = self.mapping.data.get("currency")
        code = (self._found("currency", told, row) if told else None) or self._terms.currency
        if code not in EXPONENTS:
            raise BadRow("currency", "is no known currency; allowed: an ISO 4217 code such as CNY or USD")
        return EXPONENTS[code]

    def _as_told(self, name: str, text: str) -> Any:
        """As it stands in JSON: whole numbers and truths are no text there."""
        example = self._examples.get(name)
        if isinstance(example, bool):
            if text.lower() not in _TRUTHS:
                raise BadRow(name, f"is neither true nor false; allowed: {', '.join(_TRUTHS)}")
            return _TRUTHS[text.lower()]
        if isinstance(example, int):
            if not text.isascii() or not text.isdecimal():
                raise BadRow(name, "is no whole number; allowed: digits")
            return int(text)
        return text

    def _time(self, time: Moment, row: Row) -> str:
        moment = self._moment(time.text, time.format, time.timezone or self._terms.zone, row)
        if moment is None:
            columns = ", ".join(named(each) for each in time.text)
            raise BadRow(columns, f"is empty; allowed: a date, for the time of {self.mapping.type}")
        return moment.isoformat()

    def _moment(
        self, texts: tuple[Template, ...], forms: tuple[str, ...] | None, zone: str, row: Row
    ) -> datetime | None:
        """The first moment that is said. Constants are written in the one form that needs no saying."""
        for each in texts:
            if text := each.fill(row):
                known = (forms if forms is not None else self._format.dates) if each.columns else (ISO,)
                if self._terms.is_typed:
                    known = (ISO, *known)
                try:
                    return read_moment(text, known, zone)
                except ValueError as error:
                    raise BadRow(named(each), str(error)) from None
        return None


def _mapped(name: str, value: Value, text: str, row: Row) -> str:
    if value.map is None:
        return text
    if text in value.map:
        return value.map[text]
    if value.other is None:
        raise BadRow(name, f"is a value that the mapping does not know; allowed: {', '.join(value.map)}")
    return value.other.fill(row) or text
