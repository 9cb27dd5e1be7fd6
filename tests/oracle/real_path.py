"""The path that events really take: codec, SQLite journal, poster, chDB store, books."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from events.codec import decode, read
from events.envelope import Fact, Told
from projections.question import question
from services.books import Books
from services.journal.sqlite import SqliteJournal
from services.processor.poster import Poster
from services.settings import Settings
from services.store.clickhouse import ClickHouseStore, open_chdb
from tests.oracle.window import Query

CloudEvent = Mapping[str, Any]

NOW_MS = 1_790_000_000_000
"""September 2026: later than anything that the tests tell."""

_numbers = count(1)


class Company:
    """One tenant of its own, from its first event to its answers."""

    def __init__(self, journal: SqliteJournal, store: ClickHouseStore, settings: Settings | None = None) -> None:
        self.tenant = f"t{next(_numbers)}"
        self.journal = journal
        self.store = store
        self.settings = settings or Settings()
        self.poster = Poster(self.tenant, journal, store)
        self.books = Books(store, self.tenant, self.settings)

    def told(self, event: CloudEvent) -> Told:
        """The event of this tenant, checked as an importer's."""
        return decode({**event, "tenant": self.tenant}, now_ms=NOW_MS, currency=self.settings.currency, importer=True)

    def tell(self, events: Iterable[CloudEvent]) -> "Company":
        """Into the journal, in one batch."""
        self.journal.append([self.told(event) for event in events], now_ms=NOW_MS)
        return self

    def post(self, batch: int = 20_000) -> "Company":
        """Into the ledger."""
        self.poster.catch_up(batch=batch)
        return self

    def facts(self) -> list[Fact]:
        """What the journal holds, for the oracle."""
        return [read(entry) for entry in self.journal.read(self.tenant, 0, 1_000_000)]

    def ask(self, query: Query) -> dict[str, Any]:
        """The answer that people get."""
        where = [f"{name}={value}" for name, values in query.where for value in values]
        return self.books.ask(
            question(
                query.kpi,
                by=query.by,
                where=where,
                grain=query.grain,
                from_=query.from_,
                to=query.to,
                as_of=query.as_of,
                currency=query.currency,
                org=query.org,
                fx=query.fx,
            )
        )


class Backends:
    """A journal and the one store of this process."""

    def __init__(self, folder: Path) -> None:
        self.journal = SqliteJournal(folder / "journal.sqlite")
        self.store = open_chdb(folder / "store")

    def company(self, events: Sequence[CloudEvent] = (), settings: Settings | None = None) -> Company:
        """A new tenant whose ledger holds these events."""
        return Company(self.journal, self.store, settings).tell(events).post()

    def close(self) -> None:
        """Lets go of both."""
        self.store.close()
        self.journal.close()
