"""The SQL of a few KPIs, checked in: ``python -m tests.projections.golden`` writes it anew."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from events.people import RepAssigned
from events.planning import FxRateSet, PipelineDefined
from projections.ask import Asker
from projections.definitions import Definitions
from projections.question import question
from tests.projections.telling import facts, make, ms

FOLDER: Final = Path(__file__).parents[1] / "golden" / "sql"

DEFINITIONS: Final = Definitions(
    facts(
        make(RepAssigned, "2026-01-01", team_id="t1", region="华东"),
        make(FxRateSet, "2026-01-01", base="USD", quote="CNY", rate="7.1"),
        make(PipelineDefined, "2026-01-01"),
    ),
    timezone="Asia/Shanghai",
    currency="CNY",
)
QUESTIONS: Final[dict[str, dict[str, Any]]] = {
    "bookings": {"by": ["region"], "where": ["attributes.source=expo", "product=CRM"], "grain": "month"},
    "churn_rate": {"by": ["region"], "grain": "quarter"},
    "sales_cycle_days/median": {"by": ["rep"]},
}
"""One of sums, one of what lasts, one of medians."""

_CLAUSES: Final = "FROM|WHERE|AND|GROUP BY|HAVING|ORDER BY|LIMIT|ARRAY JOIN|(?:ASOF )?LEFT JOIN|UNION ALL"
_TOKENS: Final = re.compile(rf"\((?:SELECT|WITH)|\(|\)| (?=(?:{_CLAUSES})\b)")


def laid_out(sql: str) -> str:
    """A statement in lines for people: each clause on its own, indented by its SELECT."""
    inside: list[bool] = []
    """Of each open parenthesis, whether it holds a SELECT."""

    def broken(token: re.Match[str]) -> str:
        if token[0] == ")":
            inside.pop()
        elif token[0] != " ":
            inside.append(len(token[0]) > 1)
        elif (not inside or inside[-1]) and not token.string[: token.start()].endswith(" ASOF"):
            return "\n" + "    " * sum(inside)
        return token[0]

    return _TOKENS.sub(broken, re.sub(r"\( | (?=\))", lambda space: space[0].strip(), " ".join(sql.split())))


def path(kpi: str) -> Path:
    """Where the SQL of a KPI lies."""
    return FOLDER / f"{kpi.replace('/', '~')}.sql"


class Recorder:
    """A store that answers nothing and remembers what it was asked."""

    def __init__(self) -> None:
        self.selects: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        self.selects.append((sql, parameters))
        return []


def asker(recorder: Recorder, tenant: str = "default") -> Asker:
    """Asks at position 42."""
    return Asker(recorder, tenant, 42, ms("2026-12-31"), DEFINITIONS, 5)


def text(kpi: str) -> str:
    """All statements of its question, with their parameters, broken into lines for people."""
    recorder = Recorder()
    asker(recorder).answer(question(kpi, from_="2026-01", to="2026-07", **QUESTIONS[kpi]))
    found = []
    for sql, parameters in recorder.selects:
        used = [f"-- {name} = {value!r}" for name, value in parameters.items() if f"{{{name}:" in sql]
        found.append("\n".join([laid_out(sql) + ";", *used]))
    return "\n\n".join(found) + "\n"


def main() -> None:
    """Write what the planner gives today."""
    for kpi in QUESTIONS:
        path(kpi).write_text(text(kpi), "utf-8")


if __name__ == "__main__":
    main()
