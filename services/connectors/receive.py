"""A delivery on its way in: trusted, kept as it came, translated, told.

What is kept before it is translated can be translated again, so nothing that is wrong with a mapping loses anything.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from threading import Lock
from typing import Final

import msgspec

from services.connectors.hooks import Hook, Hooks, load_hooks
from services.connectors.known import State
from services.connectors.library import mapping_for, text_for
from services.connectors.mapping import HookMapping
from services.connectors.payload import parse
from services.connectors.port import Translation, Unreadable, Untrusted
from services.connectors.registry import CONNECTORS
from services.connectors.state import BookState, Recent
from services.connectors.translate import Terms, translate
from services.ingest import Currencies, Ingest, Outcome
from services.journal.port import Journal
from services.settings import Settings
from services.store.port import Readable

_LOG: Final = logging.getLogger(__name__)
ACCOUNT: Final = "salestream-account"
"""The one header that is kept with a delivery: of which account it is. Those that came may hold secrets."""


class Request(msgspec.Struct, frozen=True):
    """What a system sent."""

    raw: bytes
    headers: Mapping[str, str]
    method: str = "POST"
    url: str = ""
    """The address that was called, with its query."""


class Received(msgspec.Struct, frozen=True):
    """What became of a delivery."""

    tenant: str
    number: int
    """Of the delivery in the inbox."""
    outcomes: list[Outcome]
    """Of each event it told."""
    unknown: list[str]
    """Why the rest of it told nothing."""


class Receiver:
    """Takes deliveries in. One per journal; threads share it."""

    def __init__(
        self,
        journal: Journal,
        store: Readable,
        ingest: Ingest,
        settings: Settings,
        *,
        now: Callable[[], int],
        hooks: Hooks | None = None,
    ) -> None:
        """Raises MappingError where the hooks, or the mapping of one of them, cannot be used."""
        self._journal: Final = journal
        self._store: Final = store
        self._ingest: Final = ingest
        self._now: Final = now
        self._hooks: Final = load_hooks(settings.hooks) if hooks is None else hooks
        self._mappings: Final = {
            (hook.system, hook.tenant): mapping_for(hook.system, hook.tenant, settings.mappings)
            for hook in self._hooks.hooks
        }
        self.mappings: Final = {
            (system, tenant): blake2b(text_for(system, tenant, settings.mappings)[1], digest_size=12).hexdigest()
            for system, tenant in self._mappings
        }
        """A digest of the file of each mapping that is used, by system and tenant."""
        self._currency: Final = settings.currency
        self._recent: Final[dict[str, Recent]] = {}
        self._one_at_a_time: Final = Lock()
        """So that a translation knows what the one before it told."""
        self.untrusted: Final[Counter[str]] = Counter()
        """Deliveries that were refused at the door, by system. They are not kept."""

    def receive(self, system: str, request: Request) -> Received:
        """Takes one delivery in. Raises Untrusted, and then nothing is kept; KeyError for a system without connector.

        JournalError and StoreError mean: not now. The sender should try again.
        """
        hook = self._trusted(system, request)
        kept = {ACCOUNT: hook.account}
        number = self._journal.keep(hook.tenant, system, self._now(), request.raw, kept)
        with self._one_at_a_time:
            translation = self._translate(hook, request.raw)
            outcomes = self._ingest.tell(
                translation.events,
                now_ms=self._now(),
                tenant=hook.tenant,
                origin=f"/hooks/{system}/{number}",
            )
        return Received(hook.tenant, number, outcomes, translation.unknown)

    def _trusted(self, system: str, request: Request) -> Hook:
        connector = CONNECTORS[system]
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            return self._hooks.trusted(
                connector,
                request.raw,
                headers,
                method=request.method,
                url=request.url,
                account=account_of(system, request.raw),
                now_ms=self._now(),
            )
        except Untrusted as error:
            self.untrusted[system] += 1
            _LOG.warning("a delivery of %s was refused: %s", system, error)
            raise

    def _translate(self, hook: Hook, raw: bytes) -> Translation:
        recent = self._recent.get(hook.tenant)
        if recent is None:
            recent = self._recent[hook.tenant] = Recent(self._journal, self._store, hook.tenant)
        currency = currency_of(self._journal, hook.tenant, self._currency)
        mapping = self._mappings[hook.system, hook.tenant]
        return translated(hook.system, raw, mapping, BookState(recent, hook.source), Terms(hook.source, currency))


def account_of(system: str, raw: bytes) -> str | None:
    """The account that a payload names; None where it names none, or cannot be read."""
    try:
        return CONNECTORS[system].account_of(parse(raw))
    except Unreadable:
        return None


def translated(system: str, raw: bytes, mapping: HookMapping, state: State, terms: Terms) -> Translation:
    """What a raw delivery tells. Never raises, whatever the bytes."""
    try:
        payload = parse(raw)
    except Unreadable as error:
        return Translation([], [f"the body {error}"])
    return translate(CONNECTORS[system].changes(payload), mapping, state, terms)


def currency_of(journal: Journal, tenant: str, default: str) -> str:
    """The currency of a tenant's books."""
    return Currencies(journal, default, [tenant]).of(tenant)
