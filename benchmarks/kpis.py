"""How long questions take: every KPI, the same as known earlier, a receipt's first page, and what changed a number."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from projections.catalogue import KPIS
from projections.kpi import Kpi
from projections.question import Question, question
from projections.targets import SCOPES, targets
from services.books import Books
from services.changes import changes
from services.receipt import explain
from services.settings import Settings
from services.workspace import Workspace

ROUNDS: Final = 100
"""How often each KPI is asked after the first time."""
FEW: Final = 10
"""How often each of the other questions is."""
SOME: Final = ("bookings", "win_rate", "pipeline_value", "new_customers", "churn_rate", "csat")
"""The KPIs of which those are asked."""
GOAL_MS: Final = 50
TWO_YEARS: Final[dict[str, Any]] = {"grain": "month", "from_": "2024-01", "to": "2026-01"}
EARLIER: Final = "2025-07-01"
"""As known at this moment, some months before the last event."""
MONTH: Final[dict[str, Any]] = {"from_": "2025-05", "to": "2025-06"}
QUARTER: Final[dict[str, Any]] = {"from_": "2025-04", "to": "2025-07"}

Times = tuple[float, list[float]]
"""Milliseconds: of the first time, which finds nothing warm, and of the others, sorted."""


def ask_all(data: Path, rounds: int = ROUNDS) -> dict[str, dict[str, Times]]:
    """Each KPI by one dimension and month over two years; live and earlier, and of some of them the first page of a
    receipt and a change."""
    gc.set_threshold(200_000, 20, 100)  # as the command line has it
    with Workspace(Settings(data=data)) as workspace:
        books = workspace.books("default")
        each = {kpi.id: _timed(partial(books.ask, _question(books, kpi)), rounds) for kpi in KPIS}
        return {"kpis": each, "others": _others(books)}


def _question(books: Books, kpi: Kpi) -> Question:
    """By region where that is possible; of KPIs about targets, by whom most targets are set for, month by month."""
    if not kpi.scoped:
        return question(kpi.id, by=["region" if "region" in kpi.dims else min(kpi.dims)], **TWO_YEARS)
    asker = books.asker(books.cut(None))
    months = {(month.from_ms, month.to_ms) for month in asker.periods(question(kpi.id, **TWO_YEARS))}
    counts = dict.fromkeys(("company", *SCOPES), 0)
    for scope, known in targets(asker.definitions).items():
        for (id_, _), aims in known.items():
            counts[scope] += len(aims.by_stretch.keys() & months) if kpi.aim in ("", id_) else 0
    scope = max(counts, key=lambda scope: counts[scope])
    return question(kpi.id, by=[SCOPES[scope]] if scope in SCOPES else [], **TWO_YEARS)


def _others(books: Books) -> dict[str, Times]:
    kinds: dict[str, Callable[[str], object]] = {
        "live": lambda kpi: books.ask(question(kpi, by=["region"], **TWO_YEARS)),
        f"the same as known at {EARLIER}": lambda kpi: books.ask(
            question(kpi, by=["region"], as_of=EARLIER, **TWO_YEARS)
        ),
        "first page of explain of one cell, a month of a region": lambda kpi: explain(
            books, question(kpi, where=["region=华东"], **MONTH)
        ),
        "changes of a quarter, since it ended": lambda kpi: changes(books, question(kpi, **QUARTER), EARLIER, None),
    }
    found = {}
    for name, ask in kinds.items():
        times = [_timed(partial(ask, kpi), FEW) for kpi in SOME]
        found[name] = (max(first for first, _ in times), sorted(each for _, rest in times for each in rest))
    return found


def _timed(ask: Callable[[], object], rounds: int) -> Times:
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
    return times[0], sorted(times[1:])


def percentile(times: Sequence[float], of: int) -> float:
    """By the nearest rank: the smallest that so many in a hundred do not exceed; of sorted times."""
    return times[max(-(-of * len(times) // 100), 1) - 1]


def page(asked: Mapping[str, Mapping[str, Times]], peak_mib: float) -> list[str]:
    """The figures as Markdown, the slowest first."""
    kpis = asked["kpis"]
    rounds = len(next(iter(kpis.values()))[1])
    lines = [
        f"Each KPI by one dimension and month over two years, {rounds} times after a first; {peak_mib:,.0f} MiB. The"
    ]
    lines += [f"first finds nothing warm and stands by itself. {summary(kpis)}.", ""]
    lines += ["| KPI | median ms | p99 ms | first ms |", "|---|---|---|---|"]
    lines += [_line(f"`{kpi}`", kpis[kpi]) for kpi in sorted(kpis, key=lambda kpi: -percentile(kpis[kpi][1], 50))]
    lines += ["", f"Of {', '.join(f'`{kpi}`' for kpi in SOME)}, {FEW} times each:", ""]
    lines += ["| question | median ms | p99 ms | slowest first ms |", "|---|---|---|---|"]
    return lines + [_line(name, times) for name, times in asked["others"].items()]


def _line(name: str, times: Times) -> str:
    return f"| {name} | {percentile(times[1], 50):.0f} | {percentile(times[1], 99):.0f} | {times[0]:.0f} |"


def summary(kpis: Mapping[str, Times]) -> str:
    """In one sentence, for a table of sizes: how many are within the goal, and the slowest."""
    within = sum(percentile(rest, 99) <= GOAL_MS for _, rest in kpis.values())
    slowest = max(kpis, key=lambda kpi: percentile(kpis[kpi][1], 99))
    worst = percentile(kpis[slowest][1], 99)
    return f"p99 within {GOAL_MS} ms: {within} of {len(kpis)}; the slowest: `{slowest}`, {worst:.0f} ms"
