"""What the ledger store must do, whichever engine is behind it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from events.envelope import Entry
from projections.ledger import Key, Line
from services.journal.port import Cut


class Applied(msgspec.Struct, frozen=True, gc=False):
    """A journalled event and what came of it."""

    entry: Entry
    book: str
    parked: str = ""
    """Why it could not be posted; empty where it was."""


class StoreError(Exception):
    """The store cannot be used. The message is one sentence for people that says what to do."""


class Fenced(StoreError):
    """Another process has taken over the tenant. Nothing of this one is written any more until it begins again."""


UNFINISHED: Final = "try again, and if that goes on, the exchange was broken off: run `salestream rebuild`"
"""What to do where the tables are of two sets."""


class Readable(Protocol):
    """A store, to be read."""

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a SELECT with bound parameters."""

    def queries(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[tuple[Any, ...]]]:
        """The rows of each of several SELECTs, which may run at the same time."""

    def checkpoint(self, tenant: str) -> Cut:
        """How far the tenant's ledger goes; (0, 0) where there is none."""

    def histories(self, tenant: str, keys: Sequence[Key]) -> dict[Key, list[Entry]]:
        """The applied events of these entities, by entity, in order of position."""


class Store(Readable, Protocol):
    """Postings, histories and checkpoints of all tenants.

    Writes are idempotent by key: (tenant, position, line). What lies above a tenant's checkpoint is not there.
    """

    def tenants(self) -> list[str]:
        """The tenants that have a ledger, sorted."""

    def write(self, tenant: str, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        """Events with their lines, then the checkpoint at the last of them."""

    def recover(self, tenant: str) -> None:
        """Begin to write for a tenant: take over from whoever did, and take away what is above the checkpoint.

        Whoever wrote before gets ``Fenced`` from now on. After any error of a write: begin anew before the next.
        """

    def parked(self, tenant: str) -> list[tuple[Entry, str, str]]:
        """Parked events: the event, its book, the reason."""

    def unpark(self, tenant: str, applied: Sequence[Applied], lines: Sequence[Line]) -> None:
        """Write parked events as applied, at their own positions."""

    def close(self) -> None:
        """Let go of the engine."""
