"""The library ``eventsourcing`` on the same events: ``python -m benchmarks.peers.sourcing EVENTS.jsonl FOLDER COUNT``.

It runs in a virtual environment of its own, made from ``sourcing.lock``. The events are stored in its SQLite recorder,
as events of aggregates, and read back through its recorder and mapper. Two figures: projecting ``COUNT`` of them to
bookings, wins and losses by month and region, each in one transaction with where the projection stands, as its
documentation has it; and reading and mapping all of them, with nothing kept. There are no late or voided events, no
ledger and no cut.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import Application  # type: ignore[import-not-found,unused-ignore]
from eventsourcing.domain import DomainEvent, datetime_now_with_tzinfo  # type: ignore[import-not-found,unused-ignore]
from eventsourcing.persistence import InfrastructureFactory, Tracking  # type: ignore[import-not-found,unused-ignore]
from eventsourcing.projection import Projection  # type: ignore[import-not-found,unused-ignore]
from eventsourcing.sqlite import SQLiteTrackingRecorder  # type: ignore[import-not-found,unused-ignore]
from eventsourcing.utils import Environment  # type: ignore[import-not-found,unused-ignore]

_BATCH: Final = 1_000


class Told(DomainEvent):  # type: ignore[misc,unused-ignore]
    """A sales event, as one of the aggregate that it is about."""

    type: str
    time: str
    data: dict[str, Any]


class Figures(SQLiteTrackingRecorder):  # type: ignore[misc,unused-ignore]
    """The table of what is counted."""

    def construct_create_table_statements(self) -> list[str]:
        """Its own table beside those of the library."""
        own = "CREATE TABLE IF NOT EXISTS kpis (name TEXT, month TEXT, region TEXT, value INTEGER, "
        statements: list[str] = super().construct_create_table_statements()
        return [*statements, own + "PRIMARY KEY (name, month, region)) WITHOUT ROWID"]

    def add(self, rows: list[tuple[str, str, str, int]], tracking: Tracking) -> None:
        """Add to what is counted, in one transaction with where the projection stands."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            for row in rows:
                cursor.execute(
                    "INSERT INTO kpis VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (name, month, region) DO UPDATE SET value = value + excluded.value",
                    row,
                )


class Closed(Projection[Figures]):  # type: ignore[misc,unused-ignore]
    """Bookings, wins and losses."""

    def __init__(self, view: Figures) -> None:
        super().__init__(view)
        self._regions: dict[UUID, str] = {}

    def process_event(self, event: Told, tracking: Tracking) -> None:
        """Count one event."""
        rows: list[tuple[str, str, str, int]] = []
        if event.type.startswith("deal."):
            known = self._regions.get(event.originator_id, "")
            region = self._regions[event.originator_id] = event.data.get("region") or known
            if event.type == "deal.won":
                amount = int(Decimal(str(event.data["amount"])) * 100)
                rows = [("bookings", event.time[:7], region, amount), ("won", event.time[:7], region, 1)]
            elif event.type == "deal.lost":
                rows = [("lost", event.time[:7], region, 1)]
        self.view.add(rows, tracking)


def main(path: str, folder: str, projected: str) -> None:
    """Print the events, the seconds and the processor seconds of projecting, and of reading."""
    name = str(Path(folder) / "events.sqlite")
    app = Application(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": name})
    versions: Counter[UUID] = Counter()
    with Path(path).open("rb") as lines:
        told = _told(lines, versions)
        while batch := list(islice(told, _BATCH)):
            app.recorder.insert_events([app.mapper.to_stored_event(each) for each in batch])
    began = _now()
    read = sum(1 for _ in _events(app))
    reading = [now - then for now, then in zip(_now(), began, strict=True)]
    place = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(Path(folder) / "kpis.sqlite")}
    view = InfrastructureFactory.construct(Environment("kpis", place)).tracking_recorder(Figures)
    projection = Closed(view)
    began, count = _now(), 0
    for event, place_of in islice(_events(app), int(projected)):
        projection.process_event(event, Tracking(app.name, place_of))
        count += 1
    projecting = [now - then for now, then in zip(_now(), began, strict=True)]
    print(json.dumps([[count, *projecting], [read, *reading]]))


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _told(lines: Any, versions: Counter[UUID]) -> Iterator[Told]:
    for line in lines:
        event = json.loads(line)
        data = event.get("data")
        if not isinstance(data, dict):
            continue
        about = uuid5(NAMESPACE_URL, str(data.get("deal_id") or event.get("id")))
        versions[about] += 1
        yield Told(
            originator_id=about, originator_version=versions[about], timestamp=datetime_now_with_tzinfo(),
            type=str(event.get("type")), time=str(event.get("time")), data=data,
        )  # fmt: skip


def _events(app: Application) -> Iterator[tuple[Told, int]]:
    last = 0
    while notifications := app.recorder.select_notifications(start=last + 1, limit=_BATCH):
        for notification in notifications:
            yield app.mapper.to_domain_event(notification), notification.id
        last = notifications[-1].id


if __name__ == "__main__":
    main(*sys.argv[1:])
