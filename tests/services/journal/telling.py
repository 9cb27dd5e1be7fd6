"""Events told to a journal, naming only the facts that matter."""

from typing import Any

from events import codec, samples
from events.base import SalesEvent
from events.deals import DealLost
from events.envelope import DEFAULT_TENANT, Told, to_text
from services.journal.port import Journal, Refused

NOW_MS = 1_790_000_000_000
"""What time it is in these tests."""


def told(
    id_: str,
    content: str = "price",
    *,
    source: str = "/crm",
    tenant: str = DEFAULT_TENANT,
    recorded_ms: int | None = None,
    event: SalesEvent | None = None,
) -> Told:
    """A valid event; ``content`` is what may differ when it is told again."""
    asked = {} if recorded_ms is None else {"recordedtime": to_text(recorded_ms)}
    fact = event or samples.sample(DealLost, reason=content)
    structured = samples.told(fact, id=id_, source=source, tenant=tenant, **asked)
    return codec.decode(structured, now_ms=NOW_MS, currency="CNY", importer=True)


def invalid(body: bytes = b"{}", *, tenant: str = DEFAULT_TENANT) -> Refused:
    """Something told that is no event."""
    return Refused(tenant=tenant, reason="type is missing", field="type", body=body, origin="deals.jsonl:7")


def ids(journal: Journal, tenant: str = DEFAULT_TENANT) -> list[str]:
    """The ids of all entries, in order."""
    return [entry.id for entry in everything(journal, tenant)]


def everything(journal: Journal, tenant: str = DEFAULT_TENANT, page: int = 100) -> list[Any]:
    """All entries, read page by page as a processor does."""
    found: list[Any] = []
    while entries := journal.read(tenant, len(found), page):
        assert entries[0].position == len(found) + 1, "reading goes on where it stopped"
        found += entries
    return found
