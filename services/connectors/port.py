"""What a connector is: it tells a real delivery from a forged one, and reads what changed out of it.

A connector is a module per system with three pure functions. What the changes mean is the mapping's affair, and
the same for all of them: see ``services.connectors.translate``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec


class Untrusted(Exception):
    """A delivery that does not prove where it comes from. One sentence says what it lacks; it names no secret."""


class Unreadable(Exception):
    """Something of a delivery that is not understood. The reason, for people; it tells nothing of the content."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one record of a CRM."""

    native: str
    """By what the same change is known again when it is delivered again. Ids of events are made of it."""
    record: str
    """What kind of record, in the system's words: ``deal``, ``Opportunity``, the form."""
    also: tuple[str, ...] = ()
    """Other names of that kind that a mapping may use."""
    id: str
    """The record's id there."""
    kind: Literal["created", "changed", "deleted", "restored"]
    at_ms: int
    values: dict[str, Any]
    """What it says about the record now."""
    changed: frozenset[str] | None = None
    """Which of the values changed; None: nobody says, the values are the whole record."""
    previous: dict[str, Any] = {}
    """What the values were before, where the system says so."""


class Unknown(msgspec.Struct, frozen=True):
    """Something of a delivery that tells no event."""

    reason: str
    """A sentence for people; it tells nothing of the content."""


class Translation(msgspec.Struct, frozen=True):
    """What a delivery tells."""

    events: list[dict[str, Any]]
    """Structured CloudEvents, with ids that are the same each time."""
    unknown: list[str]
    """Why the rest of it tells nothing."""


class Verify(Protocol):
    """Raises Untrusted if a delivery does not prove that it comes from who knows ``secret``.

    ``headers`` are in lower case; ``url`` is the one that the system called, with its query.
    """

    def __call__(
        self, raw: bytes, headers: Mapping[str, str], *, method: str, url: str, secret: str, now_ms: int
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Connector:
    """One system."""

    name: str
    verify: Verify
    account_of: Callable[[Any], str | None]
    """The account that a payload names; None where it names none."""
    changes: Callable[[Any], Sequence[Change | Unknown]]
    """What a payload says, in its order. Never raises, whatever JSON it is given."""
