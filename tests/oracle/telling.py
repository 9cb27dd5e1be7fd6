"""Histories told in short, for cases that are worked out by hand."""

from collections.abc import Mapping
from typing import Any

from tests.oracle.answers import ask
from tests.oracle.comparison import differences
from tests.oracle.real_path import Backends, CloudEvent, Company
from tests.oracle.window import Query

RECORDED = "2025-06-30T12:00:00Z"


def event(type_: str, time: str, recorded: str = RECORDED, **told: Any) -> CloudEvent:
    """An event; a day alone is its noon in UTC. It gets its id, ``e1``, ``e2`` …, from its place in the history."""
    moment = time if "T" in time else f"{time}T12:00:00Z"
    return {"type": type_, "time": moment, "recordedtime": recorded, "data": told}


def history(*events: CloudEvent) -> list[CloudEvent]:
    """Events with their envelopes; one that brings an id of its own keeps it."""
    envelope = {"specversion": "1.0", "source": "/crm"}
    return [{**envelope, "id": f"e{number}", **each} for number, each in enumerate(events, start=1)]


class Answers:
    """The answers to questions about one history: the real ones, each held against the oracle first."""

    def __init__(self, backends: Backends, *events: CloudEvent) -> None:
        self.company: Company = backends.company(history(*events))

    def rows(self, kpi: str, **question: Any) -> list[Mapping[str, Any]]:
        """The rows of the answer."""
        query = Query(kpi, **question)
        answer = self.company.ask(query)
        wrong = differences(answer, ask(self.company.facts(), query), query)
        assert not wrong, "\n".join(["the real path and the oracle differ:", *wrong])
        rows: list[Mapping[str, Any]] = answer["rows"]
        return rows

    def value(self, kpi: str, **question: Any) -> Any:
        """The value of the only row."""
        (row,) = self.rows(kpi, **question)
        return row["value"]

    def by(self, dimension: str, kpi: str, **question: Any) -> dict[Any, Any]:
        """The values by one dimension."""
        return {row[dimension]: row["value"] for row in self.rows(kpi, by=(dimension,), **question)}

    def monthly(self, kpi: str, year: int = 2024, **question: Any) -> list[Any]:
        """The values of the months of a year, up to the last that is not like an empty one."""
        rows = self.rows(kpi, grain="month", from_=f"{year}", to=f"{year + 1}", **question)
        values = [row["value"] for row in rows]
        while len(values) > 1 and values[-1] in (0, "0.00", None):
            values.pop()
        return values
