"""Two sets of books, KPI by KPI at one cut: which numbers are not the same."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from projections.answer import shown
from projections.ask import Answered, Asker, Run
from projections.catalogue import KPIS
from projections.formula import Undefined, Value
from projections.kpi import Kpi
from projections.question import BadQuestion, Question, question
from services.books import Books
from services.journal.port import Cut

DIMENSIONS: Final = (
    "rep_id", "team_id", "manager_id", "region", "product", "channel", "campaign", "segment", "pipeline", "stage",
    "kind", "category", "reason",
)  # fmt: skip
"""What is compared month by month. Entities are not: their numbers are in those of what they belong to."""
GRAINS: Final = ("day", "month", "quarter", "year", "total")
"""What is compared of each KPI as a whole."""
SHORT: Final = 100
"""Answers of the store with at most so many rows are remembered while two ledgers are compared."""


class Mover(msgspec.Struct, frozen=True):
    """A published number that is another than it was."""

    tenant: str
    kpi: str
    part: str
    """Empty: the KPI itself; else a part of it that moved though the KPI did not."""
    period: str
    slice: dict[str, str | None]
    """The dimensions of the cell; empty: the whole."""
    old: Any
    """As an answer shows it; None where it is undefined or was not there."""
    new: Any

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told


def questions(kpis: Iterable[Kpi] = KPIS) -> list[Question]:
    """Everything that is compared: each KPI as a whole by several periods, and month by month by each dimension."""
    found: list[Question] = []
    for kpi in kpis:
        found += [question(kpi.id, grain=grain) for grain in GRAINS]
        found += [question(kpi.id, by=[name], grain="month") for name in DIMENSIONS if name in kpi.dims - kpi.needs]
    return found


def movers(
    tenant: str, old: Books, new: Books, cut: Cut, asked: Iterable[Question], progress: Callable[[], None]
) -> list[Mover]:
    """The numbers that differ at a cut. ``progress`` is called after each question."""
    found: list[Mover] = []
    ask = [partial(_answer, books.asker(cut, run=remembering(books.query))) for books in (old, new)]
    for one in asked:
        found += _moved(tenant, one, *(answer(one) for answer in ask))
        progress()
    return found


def remembering(run: Run) -> Run:
    """The same, without asking anything short twice: many questions share how far their periods reach, and parts."""
    known: dict[bytes, list[tuple[Any, ...]]] = {}

    def remembered(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        key = hashlib.sha256(f"{sql} {sorted(parameters.items())}".encode()).digest()
        if key in known:
            return known[key]
        rows = run(sql, parameters)
        if len(rows) <= SHORT:
            known[key] = rows
        return rows

    return remembered


def _answer(asker: Asker, one: Question) -> Answered | None:
    """None where the question cannot be asked: so many days, or a working hour."""
    try:
        return asker.answer(one)
    except BadQuestion:
        return None


def _moved(tenant: str, one: Question, old: Answered | None, new: Answered | None) -> list[Mover]:
    before, after = _cells(old), _cells(new)
    found = []
    for place in dict.fromkeys((*before, *after)):
        was, is_ = before.get(place, {}), after.get(place, {})
        name = next((name for name in was | is_ if not _same(was.get(name), is_.get(name))), None)
        if name is not None:
            cell = dict(zip(one.by, place[1], strict=True))
            shown_ = _shown(was.get(name), one, name, old or new), _shown(is_.get(name), one, name, old or new)
            found.append(Mover(tenant, one.kpi.id, name, place[0], cell, *shown_))
    return found


def _same(was: Value | None, is_: Value | None) -> bool:
    """A cell that is not there says what one of nothing says."""
    nothing = (None, 0)
    return was == is_ or (was in nothing and is_ in nothing) or (was is None and isinstance(is_, Undefined))


def _cells(answered: Answered | None) -> dict[tuple[str, tuple[str | None, ...]], dict[str, Value]]:
    """The value and the parts of each cell of each period."""
    rows = answered.rows if answered is not None else []
    return {(row.period.label, row.cell): {"": row.value, **row.parts} for row in rows}


def _shown(value: Value | None, one: Question, name: str, answered: Answered | None) -> Any:
    assert answered is not None, "something moved"
    unit = next((part.unit for part in one.kpi.parts if part.name == name), one.kpi.unit)
    return None if value is None else shown(value, unit, answered.currency)
