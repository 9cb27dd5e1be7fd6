"""The calendar of a tenant, read from its journal: for whom the ledger is not open, for another process owns it."""

from events.codec import read
from events.corrections import EventVoided
from events.planning import CalendarDefined
from projections.definitions import Calendar, Definitions
from services.journal.port import Journal
from services.settings import Settings


def calendar_in(journal: Journal, settings: Settings) -> Calendar:
    """The calendar as the settings' tenant knows it now; the settings' own zone and currency where none was told."""
    told = journal.of_type(settings.tenant, [CalendarDefined.TYPE, EventVoided.TYPE])
    return Definitions(map(read, told), timezone=settings.timezone, currency=settings.currency).calendar
