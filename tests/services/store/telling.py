"""Journalled events and ledger lines for a store, naming only what matters."""

from typing import Any

from events.base import SalesEvent
from events.codec import decode
from events.deals import DealWon
from events.envelope import Entry
from events.samples import sample, told
from projections.ledger import Line
from projections.posting import NOWHERE, Dimensions, Posting
from services.store.port import Applied
from tests.oracle.real_path import NOW_MS


def entry(position: int, event: SalesEvent | None = None, tenant: str = "default") -> Entry:
    """An event in its place."""
    structured = told(event or sample(DealWon), id=f"e{position}", tenant=tenant)
    valid = decode(structured, now_ms=NOW_MS, currency="CNY")
    return Entry(
        tenant, position, NOW_MS + position, valid.source, valid.id, valid.type, valid.at_ms, valid.subject, valid.body
    )


def applied(position: int, event: SalesEvent | None = None, *, tenant: str, parked: str = "") -> Applied:
    """An event that was posted, or why it was not."""
    event = event or sample(DealWon)
    return Applied(entry(position, event, tenant), event.KIND, parked)


def line(position: int, number: int = 0, *, dims: Dimensions = NOWHERE, **posting: Any) -> Line:
    """A line of the ledger."""
    told: dict[str, Any] = {
        "measure": "won",
        "at_ms": 0,
        "event": position,
        "count": 1,
        "amount": 100,
        "currency": "CNY",
    }
    return Line(position, number, "deal", "D-1", Posting(dims=dims, **told | posting))
