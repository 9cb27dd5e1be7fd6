"""What the dashboard shows, asked of the books: KPIs month by month, the best reps, the pipeline by stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from projections.periods import add_months
from projections.question import question
from services.books import Books

KPIS: Final = (
    "revenue", "bookings", "gross_margin", "win_rate", "new_customers", "cac", "csat", "nps", "open_deals",
    "weighted_pipeline",
)  # fmt: skip
MONTHS: Final = 8
"""In a sparkline; the last one is running."""
LEADERS: Final = 8

Value = str | int | float | None
"""As in an answer: money is decimal text, null is undefined."""


@dataclass(frozen=True)
class Gauge:
    """One KPI over months, the running one last."""

    kpi: str
    unit: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Frame:
    """All gauges at one cut."""

    month: str
    gauges: tuple[Gauge, ...]
    leaders: tuple[tuple[str, Value], ...]
    """Reps and what they won this month, the best first."""
    stages: tuple[tuple[str, Value], ...]
    """Stages and the amount of open deals in them, in any order."""


def read_frame(books: Books, today: date) -> Frame:
    """Ask everything about the month of ``today``. Nobody posts meanwhile, so it is all at one cut."""
    month = today.replace(day=1)
    this: dict[str, Any] = {"from_": _name(month), "to": _name(add_months(month, 1))}
    months = this | {"from_": _name(add_months(month, 1 - MONTHS)), "grain": "month"}
    gauges = tuple(_gauge(books, kpi, months) for kpi in KPIS)
    leaders = _ranked(books, "bookings", "rep_id", this | {"order": "-value", "limit": LEADERS})
    stages = _ranked(books, "pipeline_value", "stage", this)
    return Frame(_name(month), gauges, leaders, stages)


def read_period(books: Books, kpis: Sequence[str], first: date, after: date) -> dict[str, Value]:
    """The KPIs of one period, as known now."""
    return {kpi: read_value(books, kpi, first, after) for kpi in kpis}


def read_value(books: Books, kpi: str, first: date, after: date, as_of: str | None = None) -> Value:
    """One KPI of one period."""
    answer = books.ask(question(kpi, from_=first.isoformat(), to=after.isoformat(), as_of=as_of))
    value: Value = answer["rows"][0]["value"]
    return value


def _gauge(books: Books, kpi: str, months: dict[str, Any]) -> Gauge:
    answer = books.ask(question(kpi, **months))
    return Gauge(kpi, answer["unit"], tuple(row["value"] for row in answer["rows"]))


def _ranked(books: Books, kpi: str, dim: str, more: dict[str, Any]) -> tuple[tuple[str, Value], ...]:
    rows = books.ask(question(kpi, by=[dim], **more))["rows"]
    return tuple((row[dim], row["value"]) for row in rows if row[dim] is not None)


def _name(month: date) -> str:
    return month.strftime("%Y-%m")
