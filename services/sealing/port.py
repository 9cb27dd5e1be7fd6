"""What every store of subject keys does. A subject is whom personal fields are about; its key is what seals them.

Destroying a key is how a person is forgotten: what it sealed, wherever copies of it lie, can be read no more.
"""

from collections.abc import Collection
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from services.journal.port import JournalError

KEY_BYTES: Final = 64
"""Of a subject key: 32 to encrypt, 32 to make nonces."""


class SealingError(JournalError):
    """The keys of personal data cannot be used, so nothing was appended. One sentence says why and what to do."""


class Slot(msgspec.Struct, frozen=True, order=True):
    """Whose key: a subject of a tenant, such as ``lead:L-1``."""

    tenant: str
    subject: str


class Erased(msgspec.Struct, frozen=True):
    """A subject whose key was destroyed. None is ever made for it again: that is the fence."""

    subject: str
    at_ms: int


class SubjectKeys(Protocol):
    """The keys of all subjects of all tenants. Several processes may share one store.

    Methods may be called from any thread. Each raises SealingError where the store fails.
    """

    def made(self, slots: Collection[Slot]) -> dict[Slot, bytes | None]:
        """The key of each slot, made where there is none yet and kept for good before this returns; None where the
        subject is erased."""
        ...

    def key(self, slot: Slot) -> bytes | None:
        """The key of a slot; None where there is none, or none any more."""
        ...

    def destroy(self, slot: Slot, at_ms: int) -> int:
        """Destroys a key, if there is one, and raises the fence. When that was done: earlier, if it was."""
        ...

    def erased(self, tenant: str) -> list[Erased]:
        """The subjects of a tenant behind the fence, in alphabetical order."""
        ...

    def tenants(self) -> list[str]:
        """Tenants with subjects behind the fence, in alphabetical order."""
        ...

    def is_erased(self, slot: Slot) -> bool:
        """Whether a subject is behind the fence."""
        ...

    def expire(self, tenant: str, prefix: str, before: str) -> int:
        """Destroys the keys of a tenant's slots ``<prefix><day>`` of days before one, without a fence; how many."""
        ...

    def close(self) -> None:
        """Ends the use of the store. Closing twice is fine."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
