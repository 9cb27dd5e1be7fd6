"""What every journal does, whichever database holds it.

A journal keeps, per tenant, one sequence of events that is never edited. Beside it, and in the same transaction,
stand the tally of what was told and the dead letters, so that told = accepted + duplicates + refused at any moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Protocol, Self

import msgspec

from events.envelope import Entry, Told
from events.personal import is_same

Personal = Literal["open", "sealed", "erased", ""]
"""What can be read of an event's personal fields: them; nothing here; nothing any more; there are none, or they were
never sealed."""


class JournalError(Exception):
    """The journal cannot do what was asked, and nothing of it was done. One sentence says why and what to do."""


class Cut(msgspec.Struct, frozen=True):
    """A place in a tenant's journal at which everything shown was read; (0, 0) before the first event."""

    position: int
    recorded_ms: int


class Verdict(msgspec.Struct, frozen=True):
    """What became of one event that was told.

    ``position`` is where its identity stands in the journal: the event's own place if it was accepted, the
    first one's if it is a duplicate (told again alike) or a conflict (told again with other content: refused).
    """

    status: Literal["accepted", "duplicate", "conflict"]
    position: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Something told that is no valid event, on its way to the dead letters."""

    tenant: str
    reason: str
    """One sentence: what is wrong and what would be allowed."""
    field: str = ""
    """Where it is wrong: ``data.amount``; ``event`` for the whole."""
    body: bytes
    """What was told, byte for byte; of what is too long for an event, its beginning."""
    origin: str = ""
    """Where it came from: ``orders.jsonl:17``, ``/hooks/hubspot``."""
    source: str = ""
    id: str = ""
    recorded_ms: int | None = None
    """The recorded time that who carries a journal over asks for; None: now."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter: what was refused, kept until somebody decides, and after."""

    tenant: str
    number: int
    """Counts the refusals of its tenant, from 1."""
    recorded_ms: int
    reason: str
    field: str
    body: bytes
    origin: str
    source: str
    id: str
    outcome: Literal["retried", "discarded"] | None
    """None: open."""


class Tally(msgspec.Struct, frozen=True):
    """What a tenant's upstream systems told and what became of it; told = accepted + duplicates + refused."""

    told: int
    accepted: int
    duplicates: int
    refused: int


class Delivery(msgspec.Struct, frozen=True):
    """What an upstream system sent, byte for byte, before anybody understood it."""

    tenant: str
    number: int
    system: str
    received_ms: int
    headers: dict[str, str]
    raw: bytes


class Journalled(msgspec.Struct, frozen=True):
    """A valid event that was in a journal before, or comes out of a topic; each field is as in Told."""

    tenant: str
    source: str
    id: str
    type: str
    at_ms: int
    subject: str
    digest: bytes
    body: bytes
    recorded_ms: int | None
    clear_digest: bytes | None = None
    """What the digest was before its personal fields were sealed, where that was done just now. It is not kept."""


Content = Told | Journalled
"""What a journal takes in."""


def same(first: bytes, told: Content) -> bool:
    """Whether what is told has the content of what stands under its identity, whose digest is ``first``."""
    return is_same(first, told.digest, told.clear_digest if isinstance(told, Journalled) else None)


def conflict(told: Content, position: int) -> Refused:
    """The refusal of an event whose identity stands at ``position`` with other content."""
    return Refused(
        tenant=told.tenant,
        reason=f"id {told.id!r} of source {told.source!r} was told before with other content, at position "
        f"{position}, which stands; allowed: a new id, or the same content",
        field="id",
        body=told.body,
        source=told.source,
        id=told.id,
    )


class Journal(Protocol):
    """The events of all tenants, in order.

    Positions of a tenant are 1, 2, 3 …; whoever reads on from a position never misses one, for none appears below
    another that was seen. Recorded times never decrease along them. Methods may be called from any thread; one
    that reads never waits for one that appends. Each raises JournalError where the database fails.
    """

    def append(self, batch: Sequence[Content], refused: Sequence[Refused] = (), *, now_ms: int) -> list[Verdict]:
        """Takes a batch, all of it or nothing, and says what became of each event, in the order told.

        An identity (tenant, source, id) is accepted once. Told again with the same digest it is a duplicate and
        counts nothing; with another digest it is a conflict: refused, the first stands. Both hold within the
        batch too. Conflicts and ``refused`` go to the dead letters.

        Personal fields are sealed before they are kept, and so are the bodies of refusals. Once a ``subject.erased`` is
        accepted, the key of its subject is destroyed before this returns.

        An event is recorded at the time it asks for, else at ``now_ms``; never before its predecessor.
        """
        ...

    def read(self, tenant: str, after: int, limit: int) -> list[Entry]:
        """The next ``limit`` entries above position ``after``, in order; fewer only at the end."""
        ...

    def entries(self, tenant: str, positions: Iterable[int]) -> list[Entry]:
        """The entries at these positions, in order; positions beyond the end are left out."""
        ...

    def of_type(self, tenant: str, types: Iterable[str], upto: int | None = None) -> list[Entry]:
        """All entries of these types, in order, up to a position. Quick for ``calendar.defined`` and
        ``event.voided``; for other types the whole journal is read."""
        ...

    def opened(self, entry: Entry) -> Entry:
        """An entry with its personal fields in their places, as far as they were not erased and the journal has their
        keys. For those who may read them, and never to be kept."""
        ...

    def personal(self, entry: Entry) -> Personal:
        """What can be read here of an entry's personal fields."""
        ...

    def find(self, tenant: str, source: str, id_: str) -> Entry | None:
        """The entry of an identity."""
        ...

    def head(self, tenant: str) -> Cut:
        """The last entry's place."""
        ...

    def position_at(self, tenant: str, recorded_ms: int) -> int:
        """The last position recorded at or before a time; 0 if none was."""
        ...

    def recorded_at(self, tenant: str, position: int) -> int | None:
        """The recorded time of a position; None where nothing stands."""
        ...

    def tenants(self) -> list[str]:
        """Everybody who told anything, in alphabetical order."""
        ...

    def tally(self, tenant: str) -> Tally:
        """What was told and what became of it, up to now."""
        ...

    def letters(self, tenant: str, open_only: bool = True) -> list[Letter]:
        """The dead letters of a tenant, oldest first."""
        ...

    def letter(self, tenant: str, number: int) -> Letter | None:
        """One dead letter."""
        ...

    def close_letter(self, tenant: str, number: int, outcome: Literal["retried", "discarded"]) -> None:
        """Notes what was decided about an open letter. Letters are never deleted, and a decision stands:
        JournalError where the letter is closed already or does not exist."""
        ...

    def keep(self, tenant: str, system: str, received_ms: int, raw: bytes, headers: Mapping[str, str]) -> int:
        """Puts a delivery into the inbox and returns its number, which grows with each and is never reused."""
        ...

    def inbox(self, tenant: str, after: int, limit: int) -> list[Delivery]:
        """The next ``limit`` deliveries above number ``after`` that are still kept, oldest first."""
        ...

    def prune(self, before_ms: int) -> int:
        """Deletes, for good, deliveries received before a time; returns how many."""
        ...

    def close(self) -> None:
        """Ends the use of the journal. Closing twice is fine."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
