"""Arithmetic over columns, exact: ``{unit_price} * {quantity} * (1 - {discount})``.

Addition, subtraction and multiplication of decimals have an exact result, so nothing is rounded here; division has
none and is not part of the language.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Final

from services.importer.template import BadRow, Row

WORDS: Final = 'columns in braces and numbers with + - * and ( ), such as "{price} * {quantity}"'
MOST: Final = 200
"""Pieces of one calculation."""

_PIECE = re.compile(r"\s*(?:\{([^{}]+)\}|([0-9]+(?:\.[0-9]+)?)|([-+*()]))")
_EXACT: Final = Context(prec=500, traps=[Inexact, InvalidOperation, Overflow])
_PLAIN = re.compile(r"[-+]?[0-9]{1,24}(\.[0-9]{1,18})?\Z")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(_[0-9]{2,3})*_[0-9]{3}(\.[0-9]{1,18})?\Z")

_Compute = Callable[[dict[str, Decimal]], Decimal]


@dataclass(frozen=True, slots=True)
class Calculation:
    """A calculation with columns. It says nothing where one of them says nothing."""

    text: str
    columns: tuple[str, ...]
    compute: _Compute


@dataclass(frozen=True, slots=True)
class Numerals:
    """How numbers are written in a file."""

    point: str = "."
    thousands: str = ""
    symbols: str = ""
    """Characters that may stand around a number, such as those of currencies."""

    def read(self, text: str, column: str) -> Decimal:
        """The number in a cell. Raises BadRow."""
        bare = self._bare(text)
        if self.thousands or self.point != ".":
            bare = self._as_plain(bare)
        if not _PLAIN.match(bare):
            raise BadRow(column, f"is no number; allowed: one written like 12{self.thousands}000{self.point}50")
        return Decimal(bare)

    def _bare(self, text: str) -> str:
        """Without the symbols around it: ``-$12.50`` is ``-12.50``."""
        if not self.symbols:
            return text
        around = self.symbols + " \u00a0"
        bare = text.strip(around)
        return bare[:1] + bare[1:].lstrip(around) if bare[:1] in ("-", "+") else bare

    def _as_plain(self, bare: str) -> str:
        """As it is written in programs; empty if the thousands are not where they belong, for ``1,5`` is not 15."""
        known = set("0123456789+-") | {self.point, self.thousands}
        if not set(bare) <= known:
            return ""
        spelled = bare.replace(self.thousands, "_") if self.thousands else bare
        spelled = spelled.replace(self.point, ".")
        if "_" in spelled:
            return spelled.replace("_", "") if _GROUPED.match(spelled) else ""
        return spelled


PLAIN: Final = Numerals()


def calculation(text: str) -> Calculation:
    """Reads a calculation. Raises ValueError with what is wrong and what is allowed."""
    pieces = list(_pieces(text))
    if len(pieces) > MOST:
        raise ValueError(f"has {len(pieces)} pieces; allowed: at most {MOST}")
    parser = _Parser(pieces)
    compute = parser.sum()
    if parser.place < len(pieces):
        raise _wrong(f"cannot be read at {pieces[parser.place][1]!r}")
    columns = tuple(dict.fromkeys(word for kind, word in pieces if kind == "column"))
    return Calculation(text, columns, compute)


def first_computed(calculations: tuple[Calculation, ...], row: Row, numerals: Numerals) -> Decimal | None:
    """The result of the first calculation all of whose columns say something. Raises BadRow where one is no number."""
    for each in calculations:
        if all(row[column] for column in each.columns):
            numbers = {column: numerals.read(row[column], column) for column in each.columns}
            try:
                return each.compute(numbers)
            except (Inexact, Overflow):
                problem = "have too many digits to be calculated with exactly; allowed: fewer digits"
                raise BadRow(", ".join(each.columns), problem) from None
    return None


def total(numbers: list[Decimal]) -> Decimal:
    """The exact sum."""
    result = Decimal(0)
    for number in numbers:
        result = _EXACT.add(result, number)
    return result


def plain(number: Decimal) -> str:
    """The number as shortest plain text: ``12.50`` is ``12.5``."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    stripped = text.rstrip()
    while place < len(stripped):
        found = _PIECE.match(stripped, place)
        if found is None:
            raise _wrong(f"cannot be read at {stripped[place:].lstrip()[:20]!r}")
        column, number, sign = found.groups()
        if column is not None:
            yield "column", column.strip()
        else:
            yield ("number", number) if number else ("sign", sign)
        place = found.end()


class _Parser:
    """Sums of products of values, from left to right."""

    def __init__(self, pieces: list[tuple[str, str]]) -> None:
        self._pieces = pieces
        self.place = 0

    def sum(self) -> _Compute:
        result = self._product()
        while (sign := self._take("+", "-")) is not None:
            result = _plus(result, self._product()) if sign == "+" else _minus(result, self._product())
        return result

    def _product(self) -> _Compute:
        result = self._value()
        while self._take("*") is not None:
            result = _times(result, self._value())
        return result

    def _value(self) -> _Compute:
        if self._take("-") is not None:
            return _minus(_constant(Decimal(0)), self._value())
        if self._take("(") is not None:
            inner = self.sum()
            if self._take(")") is None:
                raise _wrong("has a ( without its )")
            return inner
        if self.place == len(self._pieces):
            raise _wrong("ends where a column or a number is missing")
        kind, word = self._pieces[self.place]
        if kind == "sign":
            raise _wrong(f"cannot be read at {word!r}")
        self.place += 1
        return _column(word) if kind == "column" else _constant(Decimal(word))

    def _take(self, *signs: str) -> str | None:
        if self.place < len(self._pieces) and self._pieces[self.place] in [("sign", sign) for sign in signs]:
            self.place += 1
            return self._pieces[self.place - 1][1]
        return None


def _wrong(problem: str) -> ValueError:
    return ValueError(f"{problem}; allowed: {WORDS}")


def _constant(number: Decimal) -> _Compute:
    return lambda numbers: number


def _column(name: str) -> _Compute:
    return lambda numbers: numbers[name]


def _plus(left: _Compute, right: _Compute) -> _Compute:
    return lambda numbers: _EXACT.add(left(numbers), right(numbers))


def _minus(left: _Compute, right: _Compute) -> _Compute:
    return lambda numbers: _EXACT.subtract(left(numbers), right(numbers))


def _times(left: _Compute, right: _Compute) -> _Compute:
    return lambda numbers: _EXACT.multiply(left(numbers), right(numbers))
