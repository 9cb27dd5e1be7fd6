"""What the signatures of all systems have in common."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from services.connectors.port import Untrusted


def check_equal(told: str, right: str, what: str) -> None:
    """Raises Untrusted if they differ. It takes as long wherever they do."""
    if not hmac.compare_digest(told.encode("utf-8", "replace"), right.encode("utf-8", "replace")):
        raise Untrusted(f"{what} is not right; check that the secret is the same on both sides")


def check_fresh(told: str, now_ms: int, *, window_ms: int, unit_ms: int, what: str) -> None:
    """Raises Untrusted if a moment, counted in units since 1970, is not within a window around now."""
    if not (told.isascii() and told.isdecimal() and len(told) <= 15):
        raise Untrusted(f"{what} is no moment; allowed: what the system sends")
    if abs(now_ms - int(told) * unit_ms) > window_ms:
        minutes = window_ms // 60_000
        raise Untrusted(f"{what} is more than {minutes} minutes away from now; a replay, or a clock that is wrong")


def header(headers: Mapping[str, str], name: str) -> str:
    """A header that a delivery must have."""
    if not (value := headers.get(name, "")):
        raise Untrusted(f"the header {name} is missing; allowed: deliveries of the system itself")
    return value


def hmac_sha256(secret: str, message: bytes) -> str:
    """In base64."""
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def basic(headers: Mapping[str, str]) -> str:
    """``user:password`` of HTTP Basic."""
    kind, _, told = header(headers, "authorization").partition(" ")
    try:
        if kind.lower() != "basic":
            raise ValueError
        return base64.b64decode(told.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        raise Untrusted("the header authorization is no HTTP Basic; allowed: a user and a password") from None


def bearer(headers: Mapping[str, str]) -> str:
    """The token of ``Authorization: Bearer``, or that of ``X-Api-Key``."""
    if "x-api-key" in headers:
        return headers["x-api-key"]
    kind, _, told = header(headers, "authorization").partition(" ")
    if kind.lower() != "bearer":
        raise Untrusted("the header authorization is no bearer token; allowed: Bearer and the secret, or X-Api-Key")
    return told.strip()
