"""What is known of an API key, and what every store of keys does. The secret itself is known to its holder only."""

from types import TracebackType
from typing import Final, Literal, Protocol, Self, get_args

import msgspec

Scope = Literal["ingest", "read", "admin", "erase", "wall"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
"""What a key may do: tell events; ask questions; see and change how it all runs; destroy what is held of a person;
only watch boards, as a screen on a wall does."""


class KeysError(Exception):
    """The keys cannot be used, or not so. One sentence says why and what to do."""


class Secret(msgspec.Struct, frozen=True):
    """One of the secrets of a key, of which only the SHA-256 is kept."""

    digest: bytes
    until_ms: int | None
    """When it ends to be good, because another has taken its place; None: with its key."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key. Times are milliseconds since 1970 UTC."""

    prefix: str
    """What names the key, in tables and logs: no secret."""
    tenant: str
    """Whose events it tells, and whose books it reads."""
    name: str
    """What it is for, in its maker's words."""
    scopes: tuple[Scope, ...]
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    secrets: tuple[Secret, ...]
    """At most two, the newest first."""

    def state(self, now_ms: int) -> Literal["active", "expired", "revoked"]:
        """Whether it is good at a moment."""
        if self.revoked_ms is not None:
            return "revoked"
        return "expired" if self.expires_ms is not None and self.expires_ms <= now_ms else "active"


class KeyStore(Protocol):
    """The keys of all tenants. Several processes may use one; what one has changed the others see at once.

    Methods may be called from any thread. Each raises KeysError where the store fails.
    """

    def find(self, prefix: str) -> Key | None:
        """The key of a prefix, whatever its state."""
        ...

    def listed(self) -> list[Key]:
        """Every key there ever was, the oldest first."""
        ...

    def add(self, key: Key) -> None:
        """Keeps a new key. Its prefix is not taken yet."""
        ...

    def revoke(self, prefix: str, now_ms: int) -> Key:
        """Ends a key for good, and returns it; one that has ended stays as it is. KeysError where there is none."""
        ...

    def renew(self, prefix: str, digest: bytes, old_until_ms: int) -> Key:
        """Gives a key another secret, and returns it. The one before stays good until a moment, and older ones not
        at all. KeysError where there is no such key."""
        ...

    def close(self) -> None:
        """Ends the use of the store. Closing twice is fine."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
