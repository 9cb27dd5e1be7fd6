"""A revision of the code, asked line by line: this text runs in the checkout of any revision, over a copy of a journal.

It uses nothing that has not been there from the first revision on. The first line it writes says what there is; then it
answers requests, one JSON array a line: ``query`` (SQL, parameters), ``reads`` and ``ask`` (KPI, grain, dimensions).
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from projections.catalogue import BY_ID, KPIS
from projections.kpi import Kpi
from projections.question import BadQuestion, question
from services.books import Books
from services.settings import Settings
from services.workspace import Workspace

_SHORT: Final = 100
"""What the store says in so many rows is remembered."""


def main(told: Mapping[str, Any]) -> None:
    """Post what the journal of a folder has, and answer until nobody asks any more."""
    with Workspace(Settings(data=Path(told["data"]), tenant=told["tenant"])) as workspace:
        workspace.post_all()
        books = workspace.books(told["tenant"])
        query = _remembering(books.query)
        books.__dict__["query"] = query
        position = workspace.store.checkpoint(told["tenant"]).position
        _say({"position": position, "kpis": {kpi.id: _shape(kpi) for kpi in KPIS}})
        for line in sys.stdin:
            verb, *words = json.loads(line)
            if verb == "query":
                _say(workspace.store.query(*words))
            elif verb == "reads":
                _say(_reads(books, *words))
                books.__dict__["query"] = query
            else:
                _say(_answer(books, *words))


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _shape(kpi: Kpi) -> dict[str, Any]:
    """All that decides how it can be asked, its hash, and the measures that say how far its periods reach."""
    measures = {name for part in kpi.parts if part.source for name in part.source.measures}
    more = [str(getattr(kpi, name, "")) for name in ("kind", "scoped", "aim")]
    return {
        "hash": kpi.hash, "dims": sorted(kpi.dims - kpi.needs), "needs": sorted(kpi.needs), "more": more,
        "measures": sorted(measures),
    }  # fmt: skip


def _answer(books: Books, kpi: str, grain: str, by: list[str]) -> Any:
    """The dimensions and the rows of an answer; None where the question cannot be asked."""
    try:
        answer = books.ask(question(kpi, grain=grain, by=by))
    except BadQuestion:
        return None
    by = answer["question"].get("by", [])
    return [by, [[row["period"], [row[name] for name in by], row["value"]] for row in answer["rows"]]]


def _reads(books: Books, kpi: str, grain: str, by: list[str]) -> Any:
    """The statements about lines that an answer needs; None where that cannot be told."""
    found: list[Any] = []
    query = books.query

    def noted(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        if "{postings}" not in sql:
            return query(sql, parameters)
        found.append([sql, {name: value for name, value in parameters.items() if name == "measures"}])
        return []

    books.__dict__["query"] = noted
    try:
        if getattr(BY_ID[kpi], "scoped", False):
            books.ask(question(kpi, grain="month", by=by))
        else:
            books.ask(question(kpi, grain=grain, by=by, from_="2026-01", to="2026-02"))
    except (BadQuestion, IndexError):  # a revision that goes on from what it has read
        return None
    return found


def _remembering(run: Any) -> Any:
    known: dict[bytes, list[tuple[Any, ...]]] = {}

    def remembered(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        key = hashlib.sha256(f"{sql} {sorted(parameters.items())}".encode()).digest()
        rows: list[tuple[Any, ...]] = known[key] if key in known else run(sql, parameters)
        if len(rows) <= _SHORT:
            known[key] = rows
        return rows

    return remembered


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
