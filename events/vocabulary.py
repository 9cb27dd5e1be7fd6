"""The whole vocabulary: every event type there is, by its wire name."""

from typing import Final

from events import (
    activities,
    corrections,
    customers,
    deals,
    erasures,
    leads,
    orders,
    people,
    planning,
    spend,
    surveys,
    walls,
)
from events.base import SalesEvent

EVENTS: Final[tuple[type[SalesEvent], ...]] = (
    *leads.EVENTS,
    *deals.EVENTS,
    *activities.EVENTS,
    *orders.EVENTS,
    *customers.EVENTS,
    *surveys.EVENTS,
    *spend.EVENTS,
    *people.EVENTS,
    *planning.EVENTS,
    *corrections.EVENTS,
    *erasures.EVENTS,
    *walls.EVENTS,
)

BY_TYPE: Final[dict[str, type[SalesEvent]]] = {event.TYPE: event for event in EVENTS}

assert len(BY_TYPE) == len(EVENTS), "two event types share a wire name"
