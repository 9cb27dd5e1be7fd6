"""Which fields tell who a person is, read from the marks in the types, and how they leave an event and come back.

A journal keeps them sealed: an event's personal fields are taken out of its ``data`` and stand, encrypted, in one
extension attribute, ``sealed``. What is left is an event like any other, for personal fields are never required.
"""

import re
from hashlib import blake2b
from typing import Any, Final

import msgspec

from events.base import SalesEvent
from events.envelope import Entry, Told
from events.fields import fields_of
from events.vocabulary import BY_TYPE, EVENTS
from events.words import is_name


def personal_fields(event: type[SalesEvent]) -> tuple[str, ...]:
    """Names of the marked fields: ``("contact",)`` for lead.created."""
    marked = [field for field in fields_of(event) if field.personal]
    assert not any(field.required for field in marked), f"{event.TYPE}: let what is personal be absent"
    return tuple(field.name for field in marked)


PERSONAL: Final[dict[str, tuple[str, ...]]] = {
    event.TYPE: marked for event in EVENTS if (marked := personal_fields(event))
}
"""Event type to its personal fields; types without one are absent."""

SEALED: Final = "sealed"
"""The extension attribute that holds an event's personal fields, encrypted."""
ERASED: Final = "erased"
"""What it holds where they were told after their subject was erased, and so were not kept."""
TOKEN: Final = re.compile(r"v1\.[A-Za-z0-9_-]{40,100000}\Z", re.ASCII)
"""What it holds else: a version, and bytes in base64url."""
GONE: Final = b"erased"
"""The end of the digest of an event whose personal fields were not kept."""
_BASE: Final = 16
"""Bytes of a digest that are about what is not personal."""

_encode: Final = msgspec.json.Encoder().encode
_encode_sorted: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Parted(msgspec.Struct, frozen=True):
    """An event on its way into a journal, and apart from it what is personal."""

    body: dict[str, Any]
    """The structured CloudEvent without its personal fields."""
    personal: bytes
    """They, as sorted JSON; empty where they came sealed."""
    subject: str
    """Whom they are about: ``lead:L-1``."""
    token: str
    """What they came sealed as: a token or ``erased``; empty where they came in clear."""
    base: bytes
    """The digest of what is not personal."""


def has_personal(told: Told) -> bool:
    """Whether an event tells something personal, or told it and it was sealed."""
    names = PERSONAL.get(told.type)
    return names is not None and (any(getattr(told.data, name) for name in names) or b'"sealed":' in told.body)


def part(told: Told) -> Parted | None:
    """An event without what is personal in it; None where nothing is."""
    names = PERSONAL.get(told.type)
    if names is None:
        return None
    body = _decode(told.body)
    data = body["data"]
    personal = {name: data.pop(name) for name in names if name in data}
    token = body.pop(SEALED, "")
    if not personal and not token:
        return None
    base = blake2b(_encode_sorted((told.type, told.at_ms, data)), digest_size=_BASE, person=b"impersonal").digest()
    return Parted(body, _encode_sorted(personal) if personal else b"", subject_of(told.type, body), token, base)


def subject_of(type_: str, body: dict[str, Any]) -> str:
    """Whom the personal fields of an event are about, as ``kind:id``; ``body`` is its structured CloudEvent."""
    event, data = BY_TYPE[type_], body["data"]
    for kind, field in event.ABOUT:
        if (named := data.get(field)) is not None:
            return f"{kind}:{named}"
    return f"{event.KIND}:{body['subject']}"


def subject_told(raw: bytes) -> str:
    """Whom something that is no valid event is plainly about; empty where that cannot be said."""
    try:
        told = _decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return ""
    event, data = BY_TYPE.get(str(told.get("type"))), told.get("data")
    if event is None or event.TYPE not in PERSONAL or not isinstance(data, dict):
        return ""
    entity = [(event.KIND, event.ENTITY)] if event.ENTITY is not None else []
    named = [(kind, data.get(field)) for kind, field in (*event.ABOUT, *entity)]
    return next((f"{kind}:{id_}" for kind, id_ in named if is_name(id_)), "")


def sealed_body(parted: Parted, token: str) -> bytes:
    """The event as a journal keeps it. However it came, sealed or not, it is the same to the bit."""
    body = parted.body
    data = body.pop("data")
    fixed = [name for name in body if name in _FIXED]
    free = sorted([*(name for name in body if name not in _FIXED), SEALED])
    return _encode({name: token if name == SEALED else body[name] for name in (*fixed, *free)} | {"data": data})


_FIXED: Final = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "tenant", "datacontenttype", "dataschema"}
)
"""The attributes that every event has, in whose order they stay."""


def sealed_digest(parted: Parted, token: str) -> bytes:
    """The digest of an event that is kept with ``token``. Tokens of the same content under one key are the same."""
    if token == ERASED:
        return parted.base + GONE
    return parted.base + blake2b(token.encode(), digest_size=_BASE).digest()


def is_same(first: bytes, told: bytes, clear: bytes | None) -> bool:
    """Whether two digests are of the same content. ``clear``: what the told one was before it was sealed.

    Once a subject is erased nobody can say whether personal fields are the same, so then the rest decides.
    """
    if first in (told, clear):
        return True
    return GONE in (first[_BASE:], told[_BASE:]) and first[:_BASE] == told[:_BASE]


def is_clear(type_: str, body: bytes) -> bool:
    """Whether an event, as a journal keeps it, tells something personal that was never sealed."""
    names = PERSONAL.get(type_, ())
    return any(b'"%s":' % name.encode() in body for name in names) and any(
        name in _decode(body)["data"] for name in names
    )


def token_of(entry: Entry) -> tuple[str, str]:
    """The subject of an entry and the token that it keeps; the token is empty where nothing was sealed."""
    if entry.type not in PERSONAL or b'"sealed":"' not in entry.body:
        return "", ""
    body = _decode(entry.body)
    return subject_of(entry.type, body), body.get(SEALED, "")


def opened_entry(entry: Entry, personal: bytes) -> Entry:
    """An entry with its personal fields in their places."""
    body = _decode(entry.body)
    body.pop(SEALED, None)
    body["data"] |= _decode(personal)
    return msgspec.structs.replace(entry, body=_encode(body))
