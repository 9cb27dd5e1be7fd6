"""Answers as they leave: money as decimal strings, counts as integers, ratios as numbers. Rounded here only."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from events.currencies import EXPONENTS
from events.envelope import to_text
from events.words import major
from projections.ask import Answered, Row
from projections.catalogue import BY_ID
from projections.formula import Undefined, Unit, Value
from projections.kpi import Kpi
from projections.plan import REST
from projections.question import Question


def as_json(answered: Answered, position: int, recorded_ms: int) -> dict[str, Any]:
    """The answer of CONTRACT section 3."""
    kpi = answered.question.kpi
    told: dict[str, Any] = {"kpi": kpi.name, "variant": kpi.variant, "unit": kpi.unit}
    if any(part.unit in ("money", "any") for part in kpi.parts):
        told["currency"] = answered.currency
    return told | {
        "question": answered.question.as_told(),
        "definition": definition(kpi),
        "cut": cut_json(position, recorded_ms),
        "rows": [row_json(answered, row) for row in answered.rows],
    }


def cut_json(position: int, recorded_ms: int) -> dict[str, Any]:
    """Where everything that is shown was read."""
    return {"position": position, "recorded": to_text(recorded_ms) if position else None}


def definition(kpi: Kpi) -> dict[str, str]:
    """What the number means, in words, and the hash of everything that makes it."""
    return {"text": f"{kpi.meaning} {kpi.id} = {kpi.formula.words()}", "hash": kpi.hash}


def row_json(answered: Answered, row: Row) -> dict[str, Any]:
    """One row: period, dimensions, value, parts, the reason where there is no value, and what it is compared with."""
    rest = REST in row.cell
    cell = [None if value == REST else value for value in row.cell]
    told: dict[str, Any] = {"period": row.period.label, **dict(zip(answered.question.by, cell, strict=True))}
    told |= ({"rest": True} if rest else {}) | _value_json(answered, row)
    if row.before is not None:
        told["before"] = {"period": row.before.period.label} | _value_json(answered, row.before)
        told |= _change_json(answered, row, row.before)
    return told


def _value_json(answered: Answered, row: Row) -> dict[str, Any]:
    currency = currency_of(answered, row.cell)
    told: dict[str, Any] = {"value": shown(row.value, answered.question.kpi.unit, currency)}
    told["parts"] = parts_json(row.parts, answered.question, row.cell, currency)
    if isinstance(row.value, Undefined):
        told["reason"] = row.value.reason
        if row.value.detail:
            told["missing"] = row.value.detail
    return told


def _change_json(answered: Answered, row: Row, before: Row) -> dict[str, Any]:
    """By how much the value changed, and by which share of what it was; null where one of them is undefined."""
    if isinstance(row.value, Undefined) or isinstance(before.value, Undefined):
        return {"change": None, "growth": None}
    change = row.value - before.value
    growth = change / abs(before.value) if before.value else None
    unit, currency = answered.question.kpi.unit, currency_of(answered, row.cell)
    return {"change": shown(change, unit, currency), "growth": None if growth is None else _number(growth)}


def currency_of(answered: Answered, cell: Sequence[str | None]) -> str:
    """The currency of a row: its own, where nothing is converted."""
    question = answered.question
    own = cell[question.by.index("currency")] if question.fx == "none" else None
    return own if own in EXPONENTS else answered.currency


def units_of(question: Question, cell: Sequence[str | None]) -> Mapping[str, Unit]:
    """The unit of each part of a cell: of what a target is set for, that of its KPI."""
    about = dict(zip(question.by, cell, strict=False)).get("kpi") if "kpi" in question.by else None
    return _units(question.kpi.id, about)


@lru_cache(maxsize=256)
def _units(kpi: str, about: str | None) -> Mapping[str, Unit]:
    own = BY_ID[about].unit if about in BY_ID else "count"
    return {part.name: own if part.unit == "any" else part.unit for part in BY_ID[kpi].parts}


def shown(value: Value, unit: Unit, currency: str) -> str | int | float | None:
    """One value in its unit; money is rounded half-even to the minor unit."""
    if isinstance(value, Undefined):
        return None
    numerator, denominator = value.numerator, value.denominator
    if unit == "money":
        return major(numerator if denominator == 1 else round(value), currency)
    return numerator if denominator == 1 and unit in ("count", "ms") else numerator / denominator


def _number(value: Fraction) -> float:
    return value.numerator / value.denominator


def people(value: Any, unit: str) -> str:
    """One shown value for a person: ``63.15 %``, ``51.8 days``; a dash where there is none."""
    if value is None:
        return "–"
    match unit:
        case "ratio":
            return f"{value * 100:,.2f} %"
        case "money":
            whole, _, part = str(value).partition(".")
            return f"{int(whole):,}{part and '.' + part}" if whole != "-0" else str(value)
        case "count":
            return f"{value:,}"
    return f"{value:,.2f}"


def parts_json(
    parts: Mapping[str, Value], question: Question, cell: Sequence[str | None], currency: str
) -> dict[str, Any]:
    """The parts of a row by name."""
    units = units_of(question, cell)
    return {part.name: shown(parts[part.name], units[part.name], currency) for part in question.kpi.parts}
