"""The inbox for people: what was kept, what became of it, and telling it once more."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from events.envelope import to_text
from services.clock import now_ms
from services.connectors.corrections import Library, Plan, Progress, Scope, deliveries, plan, source_of
from services.connectors.receive import currency_of, translated
from services.connectors.state import BookState, Recent
from services.connectors.translate import Terms
from services.ingest import Outcome
from services.journal.port import Delivery
from services.workspace import Workspace


def listed(workspace: Workspace, scope: Scope, limit: int) -> list[dict[str, Any]]:
    """The latest deliveries, oldest first, with how many of their events stand and why the rest tells nothing."""
    look = looker(workspace, scope.tenant)
    kept: list[Delivery] = []
    for each in deliveries(workspace.journal, scope):
        kept = [*kept[-limit + 1 :], each] if limit > 1 else [each]
    return [look(each) for each in kept]


def looker(workspace: Workspace, tenant: str) -> Callable[[Delivery], dict[str, Any]]:
    """Says of a delivery what became of it, without what it holds."""
    settings, journal = workspace.settings, workspace.journal
    recent = Recent(journal, workspace.store, tenant)
    library = Library(tenant, settings.mappings)
    currency = currency_of(journal, tenant, settings.currency)

    def look(delivery: Delivery) -> dict[str, Any]:
        source = source_of(delivery)
        translation = translated(
            delivery.system,
            delivery.raw,
            library.of(delivery.system),
            BookState(recent, source),
            Terms(source, currency),
        )
        ids = [str(event["id"]) for event in translation.events]
        return {
            "number": delivery.number,
            "received": to_text(delivery.received_ms),
            "source": source,
            "bytes": len(delivery.raw),
            "events": len(ids),
            "stand": sum(journal.find(tenant, source, id_) is not None for id_ in ids),
            "unknown": translation.unknown,
        }

    return look


def one(workspace: Workspace, tenant: str, number: int) -> Delivery | None:
    """One delivery, if it is still kept."""
    found = next(islice(workspace.journal.inbox(tenant, number - 1, 1), 1), None)
    return found if found is not None and found.number == number else None


def correction(workspace: Workspace, scope: Scope, progress: Progress) -> Plan:
    """What telling the deliveries once more would change. Raises MappingError."""
    settings, journal = workspace.settings, workspace.journal
    currency = currency_of(journal, scope.tenant, settings.currency)
    return plan(journal, scope, Library(scope.tenant, settings.mappings), currency, now_ms(), progress)


def correct(workspace: Workspace, scope: Scope, made: Plan) -> list[Outcome]:
    """Tells a correction, in one batch; what became of each of its events."""
    ingest = workspace.ingest()
    return ingest.tell(made.events, now_ms=now_ms(), tenant=scope.tenant, origin="inbox") if made.events else []


def prune(workspace: Workspace) -> int:
    """Deletes, for good, what is older than ``SALESTREAM_INBOX_DAYS``; how many deliveries."""
    return workspace.journal.prune(now_ms() - workspace.settings.inbox_days * 86_400_000)
