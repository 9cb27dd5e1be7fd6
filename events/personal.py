"""Which fields tell who a person is, read from the marks in the types."""

from typing import Final

from events.base import SalesEvent
from events.fields import fields_of
from events.vocabulary import EVENTS


def personal_fields(event: type[SalesEvent]) -> tuple[str, ...]:
    """Names of the marked fields: ``("contact",)`` for lead.created."""
    return tuple(field.name for field in fields_of(event) if field.personal)


PERSONAL: Final[dict[str, tuple[str, ...]]] = {
    event.TYPE: marked for event in EVENTS if (marked := personal_fields(event))
}
"""Event type to its personal fields; types without one are absent."""
