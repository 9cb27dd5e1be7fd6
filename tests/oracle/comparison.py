"""The oracle's rows beside the answer that people get: every difference, in words."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from events.currencies import EXPONENTS
from tests.oracle.answers import Row
from tests.oracle.window import Cell, Nothing, Query, Value


def differences(answer: Mapping[str, Any], rows: Sequence[Row], query: Query) -> list[str]:
    """What is different, one line each. A row of which nothing is known may be there or not."""
    expected = {(row.period, row.cell): row for row in rows}
    told: dict[tuple[str, Cell], Mapping[str, Any]] = {}
    found = []
    for each in answer["rows"]:
        place = each["period"], tuple(each[name] for name in query.by if name in each)
        if place in told:
            found.append(f"{place} stands twice")
        told[place] = each
    for place, row in expected.items():
        if place in told:
            found += _of_row(told[place], row, query, str(answer.get("currency", "")))
        elif not row.is_nothing() or not query.by:
            found.append(f"{place} is missing; expected {shown_row(row)}")
    for place in told.keys() - expected.keys():
        if any(value not in (0, None, 5) and Fraction(value) for value in told[place]["parts"].values()):
            found.append(f"{place} is not expected: {told[place]}")
    return found


def _of_row(told: Mapping[str, Any], row: Row, query: Query, currency: str) -> list[str]:
    place = row.period, row.cell
    found = []
    wrong = [name for name in row.parts if not same(told["parts"].get(name, "absent"), row.parts[name], currency)]
    found += [f"{place}: {name} is {told['parts'].get(name)}, expected {row.parts[name]}" for name in wrong]
    if set(told["parts"]) != set(row.parts):
        found.append(f"{place}: parts are {sorted(told['parts'])}, expected {sorted(row.parts)}")
    if not same(told["value"], row.value, currency):
        found.append(f"{place}: value is {told['value']}, expected {row.value}")
    if isinstance(row.value, Nothing):
        if told.get("reason") not in row.value.reasons:
            found.append(f"{place}: reason is {told.get('reason')}, expected one of {sorted(row.value.reasons)}")
        if told.get("reason") == "missing_rate" and told.get("missing") not in row.value.missing:
            found.append(f"{place}: missing is {told.get('missing')}, expected one of {sorted(row.value.missing)}")
    elif "reason" in told and "reason" not in query.by:
        found.append(f"{place}: reason is {told['reason']}, expected none")
    return found


def same(told: Any, expected: Value, currency: str) -> bool:
    """Whether a shown value is the exact one, rounded as section 3a says."""
    if isinstance(expected, Nothing):
        return told is None
    if isinstance(told, str):
        return told == money(expected, currency)
    return told is not None and told == expected.numerator / expected.denominator


def money(amount: Fraction, currency: str) -> str:
    """An amount rounded half-even to the minor unit, as a decimal string."""
    decimals = EXPONENTS[currency]
    minor = round(amount * 10**decimals)
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"-{text}" if minor < 0 else text


def shown_row(row: Row) -> str:
    """A row of the oracle for people."""
    parts = {name: str(value) for name, value in row.parts.items()}
    return f"{row.value} from {parts}"
