"""Making API keys and telling good ones from others.

A key is ``ss_<prefix>_<secret>``. The secret holds 256 random bits, so a plain SHA-256 of it is as good as a slow hash:
there is nothing to guess that a dictionary could hold.
"""

import hmac
import re
import secrets
from collections.abc import Collection
from hashlib import sha256
from typing import Final

from services.keys.port import SCOPES, Key, KeysError, KeyStore, Scope, Secret

_TOKEN: Final = re.compile(r"ss_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NOBODYS: Final = bytes(32)
"""Compared with where there is no key, so that the answer takes as long."""
MAX_NAME: Final = 100


class KeyRefused(Exception):
    """A key that opens nothing. The message is for the log, and holds no part of a secret."""

    def __init__(self, reason: str, prefix: str = "") -> None:
        super().__init__(reason)
        self.prefix = prefix


def create(
    store: KeyStore, *, tenant: str, name: str, scopes: Collection[Scope], now_ms: int, expires_ms: int | None = None
) -> tuple[Key, str]:
    """A new key, kept, and the token that is shown once. Raises KeysError where it would be of no use."""
    if not scopes:
        raise KeysError(f"a key without scopes opens nothing; allowed: {', '.join(SCOPES)}")
    if len(name) > MAX_NAME or not name.isprintable():
        raise KeysError(f"the name of a key is at most {MAX_NAME} printable characters; choose another")
    if expires_ms is not None and expires_ms <= now_ms:
        raise KeysError("the key would have expired already; choose a later moment")
    secret = secrets.token_urlsafe(32)
    key = Key(
        prefix=secrets.token_hex(6),
        tenant=tenant,
        name=name,
        scopes=tuple(scope for scope in SCOPES if scope in scopes),
        created_ms=now_ms,
        expires_ms=expires_ms,
        revoked_ms=None,
        secrets=(Secret(_digest(secret), None),),
    )
    store.add(key)
    return key, _token(key, secret)


def rotate(store: KeyStore, prefix: str, *, now_ms: int, old_until_ms: int) -> tuple[Key, str]:
    """Another secret for a key, and the token that is shown once; the old one stays good until a moment.

    Raises KeysError where there is no such key, or it has ended.
    """
    key = store.find(prefix)
    if key is not None and (state := key.state(now_ms)) != "active":
        raise KeysError(f"the key {prefix} is {state}, so a new secret would open nothing; create another key")
    secret = secrets.token_urlsafe(32)
    key = store.renew(prefix, _digest(secret), old_until_ms)
    return key, _token(key, secret)


def verify(store: KeyStore, token: str, *, now_ms: int) -> Key:
    """The key of a token that is good now. Raises KeyRefused."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise KeyRefused("it has not the form of a key")
    prefix, secret = found.groups()
    key = store.find(prefix)
    digest, fits = _digest(secret), False
    for kept in key.secrets if key is not None else (Secret(_NOBODYS, 0),):
        same = hmac.compare_digest(kept.digest, digest)
        fits = fits or (same and (kept.until_ms is None or now_ms < kept.until_ms))
    if key is None:
        raise KeyRefused("no such key", prefix)
    if not fits:
        raise KeyRefused("its secret is wrong, or was replaced", prefix)
    if (state := key.state(now_ms)) != "active":
        raise KeyRefused(f"it is {state}", prefix)
    return key


def _token(key: Key, secret: str) -> str:
    return f"ss_{key.prefix}_{secret}"


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
