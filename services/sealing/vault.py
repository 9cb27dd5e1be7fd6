"""Seals what is personal on its way into a journal, and opens it for those who may read it.

An event's personal fields are encrypted with AES-256-GCM under the key of their subject, bound to the event's identity.
The nonce is a keyed hash (BLAKE2b, RFC 7693) of what is bound and encrypted, as in a synthetic initialisation vector
(Rogaway and Shrimpton, 2006): the same event told again is sealed to the same bytes, so a duplicate is known without
opening anything, and no nonce ever meets two texts. Bodies that nobody has understood, which are about nobody knows
whom, are sealed under a key of their tenant and day, which is destroyed when their time is over.
"""

import base64
import secrets
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from events.envelope import Entry, Told, to_text
from events.personal import (
    ERASED,
    Parted,
    has_personal,
    opened_entry,
    part,
    sealed_body,
    sealed_digest,
    subject_told,
    token_of,
)
from services.journal.port import Content, Journalled, Personal, Refused
from services.sealing.port import Slot, SubjectKeys
from services.sealing.register import Register

Kind = Literal["inbox", "letters"]
"""What is kept by the day: deliveries of webhooks, bodies of dead letters."""

_ENCRYPT: Final = slice(0, 32)
_NONCES: Final = slice(32, 64)
_NONCE: Final = 12
_MARK: Final = b"\x89salestream sealed\n"
"""What a sealed body begins with; then whose key it needs, a line end, the nonce and what is encrypted."""
_DAY: Final = len("2026-11-22")
_DAY_MS: Final = 86_400_000


class _Data(msgspec.Struct):
    kind: str
    id: str


class _Erasure(msgspec.Struct):
    data: _Data


class _Event(msgspec.Struct):
    source: str
    id: str
    type: str
    subject: str


_event: Final = msgspec.json.Decoder(_Event).decode
_erasure: Final = msgspec.json.Decoder(_Erasure).decode
_encode: Final = msgspec.json.Encoder().encode


class Vault:
    """Seals and opens under the keys of one store. ``days``: how long bodies of each kind can be opened.

    ``register`` notes erasures.
    """

    def __init__(self, keys: SubjectKeys, days: dict[Kind, int], register: Register) -> None:
        self.keys: Final = keys
        self.register: Final = register
        self.days: Final = days
        self._seen: dict[tuple[Kind, str], str] = {}
        """The day under which a tenant's bodies were sealed last."""

    def sealed(self, batch: Sequence[Content]) -> list[Content]:
        """A batch as a journal keeps it. What another journal kept stays as it is. Raises SealingError."""
        parted = {
            place: found
            for place, told in enumerate(batch)
            if isinstance(told, Told) and has_personal(told) and (found := part(told)) is not None
        }
        if not parted:
            return list(batch)
        wanted = {Slot(batch[place].tenant, each.subject) for place, each in parted.items() if not each.token}
        keys = self.keys.made(wanted) if wanted else {}
        return [told if place not in parted else _sealed(told, parted[place], keys) for place, told in enumerate(batch)]

    def destroy(self, tenant: str, erasure: bytes, at_ms: int) -> None:
        """Destroys the key that a ``subject.erased`` names; ``erasure`` is its body. Raises SealingError."""
        data = _erasure(erasure).data
        self.forget(Slot(tenant, f"{data.kind}:{data.id}"), at_ms)

    def forget(self, slot: Slot, at_ms: int) -> None:
        """Notes an erasure, and destroys the key of its subject. Raises SealingError."""
        self.register.add([(slot, at_ms)])
        self.keys.destroy(slot, at_ms)

    def opened(self, entry: Entry) -> Entry:
        """An entry with its personal fields, if they can be opened; else as it is."""
        subject, token = token_of(entry)
        if not token or token == ERASED:
            return entry
        key = self.keys.key(Slot(entry.tenant, subject))
        personal = None if key is None else _opened(token, key, _bound(entry, subject))
        return entry if personal is None else opened_entry(entry, personal)

    def state(self, entry: Entry) -> Personal:
        """What can be read of an entry's personal fields."""
        subject, token = token_of(entry)
        if not token:
            return ""
        slot = Slot(entry.tenant, subject)
        if token == ERASED or self.keys.is_erased(slot):
            return "erased"
        return "sealed" if self.opened(entry) is entry else "open"

    def seal_refused(self, refused: Sequence[Refused], now_ms: int) -> list[Refused]:
        """Refusals with their bodies sealed: under the key of whom they are plainly about, else by the day. Of whom was
        erased nothing is kept."""
        return [
            msgspec.structs.replace(each, body=self._seal_letter(each, now_ms)) if each.body else each
            for each in refused
        ]

    def _seal_letter(self, refused: Refused, now_ms: int) -> bytes:
        subject = subject_told(refused.body)
        if not subject:
            return self.seal_body("letters", refused.tenant, now_ms, refused.body)
        slot = Slot(refused.tenant, subject)
        key = self.keys.made([slot])[slot]
        return b"" if key is None else _body_sealed(slot, key, refused.body)

    def seal_body(self, kind: Kind, tenant: str, at_ms: int, body: bytes) -> bytes:
        """A body under the key of its tenant and day, which is made with the day's first."""
        day = to_text(at_ms)[:_DAY]
        if self._seen.get((kind, tenant)) != day:
            self.expire(kind, tenant, at_ms)
            self._seen[kind, tenant] = day
        slot = Slot(tenant, f"{kind}:{day}")
        key = self.keys.made([slot])[slot]
        assert key is not None, "days are not erased behind a fence"
        return _body_sealed(slot, key, body)

    def open_body(self, tenant: str, body: bytes) -> bytes | None:
        """A body as it came; None where its time is over, or whom it is about is erased. One that was never sealed is
        as it is, but for personal fields of an event."""
        if not body.startswith(_MARK):
            return self._event_opened(tenant, body) if b'"sealed":"v1.' in body else body
        name, _, kept = body[len(_MARK) :].partition(b"\n")
        slot = Slot(tenant, name.decode("utf-8", "replace"))
        key = self.keys.key(slot)
        return None if key is None else _decrypted(kept, key, _named(slot))

    def _event_opened(self, tenant: str, body: bytes) -> bytes:
        """The event of a conflict, which was sealed before it was refused."""
        try:
            told = _event(body)
        except (msgspec.MsgspecError, RecursionError):
            return body
        return self.opened(Entry(tenant, 0, 0, told.source, told.id, told.type, 0, told.subject, body)).body

    def expire(self, kind: Kind, tenant: str, now_ms: int) -> int:
        """Destroys the keys of days that are over; how many."""
        first_kept = to_text(max(now_ms - self.days[kind] * _DAY_MS, 0))[:_DAY]
        return self.keys.expire(tenant, f"{kind}:", first_kept)

    def close(self) -> None:
        """Ends the use of the keys."""
        self.keys.close()


def is_kept(body: bytes) -> bool:
    """Whether a body is as a journal keeps it: sealed, an event in which what is personal is sealed, or nothing."""
    return not body or body.startswith(_MARK) or b'"sealed":"v1.' in body


def _body_sealed(slot: Slot, key: bytes, body: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    kept = nonce + AESGCM(key[_ENCRYPT]).encrypt(nonce, body, _named(slot))
    return _MARK + slot.subject.encode() + b"\n" + kept


def _named(slot: Slot) -> bytes:
    """What a body belongs to, so that it can be opened nowhere else."""
    return _encode((slot.tenant, slot.subject))


def _sealed(told: Content, parted: Parted, keys: dict[Slot, bytes | None]) -> Journalled:
    assert isinstance(told, Told), "only what is told anew is sealed"
    token = parted.token
    if not token:
        key = keys[Slot(told.tenant, parted.subject)]
        token = ERASED if key is None else _token(key, _bound(told, parted.subject), parted.personal)
    return Journalled(
        tenant=told.tenant,
        source=told.source,
        id=told.id,
        type=told.type,
        at_ms=told.at_ms,
        subject=told.subject,
        digest=sealed_digest(parted, token),
        body=sealed_body(parted, token),
        recorded_ms=told.recorded_ms,
        clear_digest=told.digest,
    )


def _bound(event: Told | Entry, subject: str) -> bytes:
    """What sealed fields belong to, so that they can be opened nowhere else."""
    return _encode((event.tenant, event.source, event.id, event.type, subject))


def _token(key: bytes, bound: bytes, personal: bytes) -> str:
    nonce = blake2b(
        len(bound).to_bytes(4, "big") + bound + personal, key=key[_NONCES], digest_size=_NONCE, person=b"sealed fields"
    ).digest()
    kept = nonce + AESGCM(key[_ENCRYPT]).encrypt(nonce, personal, bound)
    return "v1." + base64.urlsafe_b64encode(kept).rstrip(b"=").decode()


def _opened(token: str, key: bytes, bound: bytes) -> bytes | None:
    text = token.removeprefix("v1.")
    return _decrypted(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), key, bound)


def _decrypted(kept: bytes, key: bytes, bound: bytes) -> bytes | None:
    """None where it was sealed under another key, or for something else, or was changed."""
    try:
        return AESGCM(key[_ENCRYPT]).decrypt(kept[:_NONCE], kept[_NONCE:], bound)
    except (InvalidTag, ValueError):
        return None
