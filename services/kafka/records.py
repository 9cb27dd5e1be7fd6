"""The records of the journal topic, and what they say: an event, a refusal, or a decision about a dead letter.

An event is as the CloudEvents Kafka binding has it in structured mode: the value is the event and ``content-type``
says so. What else a mirror must know stands in a header of our own, so that reading a record back costs little.
"""

from typing import Final, Literal

import msgspec
from kafka.consumer.fetcher import ConsumerRecord

from events.envelope import TENANT, Told
from services.journal.port import Content, Journalled, Refused

Headers = list[tuple[str, bytes]]

CONTENT_TYPE: Final = "content-type"
CLOUDEVENT: Final = b"application/cloudevents+json"
HEAD: Final = "salestream"
"""The header that holds, as one JSON object, what we know of a record."""


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """Which record of the inbox something was told in."""

    partition: int
    offset: int
    after: int = -1
    """The inbox offset that was fed into the same journal partition before it, in the same run of the feeder; -1 for
    the first. A record whose forerunner is missing is not taken, for it will come again behind it."""


class Sender(msgspec.Struct, frozen=True, array_like=True):
    """Who wrote a record and waits for its verdict."""

    token: str
    number: int


class Decision(msgspec.Struct, frozen=True):
    """What was decided about a dead letter."""

    tenant: str
    number: int
    outcome: Literal["retried", "discarded"]


class Read(msgspec.Struct, frozen=True):
    """What a record says."""

    said: Journalled | Refused | Decision
    origin: Origin | None
    sender: Sender | None


class Record(msgspec.Struct, frozen=True):
    """A record of a topic, whichever client read it."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = []
    known: Read | None = None
    """What it says, where it was written in this process; else see ``read``."""


class Stranger(Exception):
    """A record of the journal topic that no Salestream wrote. A few words say why."""


class Outgoing(msgspec.Struct, frozen=True):
    """A record on its way into a topic."""

    tenant: str
    value: bytes
    headers: Headers
    timestamp_ms: int
    known: Read | None = None
    """What ``read`` will find in it, where that is known without decoding it again."""


def of_kafka(record: ConsumerRecord) -> Record:
    """A record as kafka-python reads it."""
    timestamp, headers = record.timestamp, list(record.headers)
    return Record(record.partition, record.offset, timestamp, record.key, record.value, headers)


class _Head(msgspec.Struct, tag_field="kind", omit_defaults=True):
    recorded: int | None = None
    inbox: Origin | None = None
    sender: Sender | None = None


class _Event(_Head, tag="event", kw_only=True):
    digest: bytes
    occurred: int


class _Refusal(_Head, tag="refusal", kw_only=True):
    reason: str
    field: str = ""
    origin: str = ""
    source: str = ""
    id: str = ""


class _Decision(_Head, tag="decision", kw_only=True):
    letter: int
    outcome: Literal["retried", "discarded"]


class _Envelope(msgspec.Struct):
    tenant: str
    source: str
    id: str
    type: str
    subject: str


_encode: Final = msgspec.json.Encoder().encode
_head: Final = msgspec.json.Decoder(_Event | _Refusal | _Decision).decode
_envelope: Final = msgspec.json.Decoder(_Envelope).decode


def outgoing(
    said: Content | Refused | Decision, now_ms: int, origin: Origin | None = None, sender: Sender | None = None
) -> Outgoing:
    """What to write. ``now_ms`` counts only where the broker does not stamp records itself."""
    value, media, head = _written(said)
    head.inbox, head.sender = origin, sender
    known = None
    if isinstance(said, Told | Journalled):
        place = (said.tenant, said.source, said.id, said.type, said.at_ms, said.subject)
        known = Read(Journalled(*place, said.digest, said.body, said.recorded_ms), origin, sender)
    return Outgoing(said.tenant, value, [(CONTENT_TYPE, media), (HEAD, _encode(head))], now_ms, known)


def _written(said: Content | Refused | Decision) -> tuple[bytes, bytes, _Head]:
    if isinstance(said, Decision):
        return b"", b"application/json", _Decision(letter=said.number, outcome=said.outcome)
    if isinstance(said, Refused):
        head = _Refusal(
            reason=_text(said.reason),
            field=_text(said.field),
            origin=_text(said.origin),
            source=_text(said.source),
            id=_text(said.id),
            recorded=said.recorded_ms,
        )
        return said.body, b"application/octet-stream", head
    return said.body, CLOUDEVENT, _Event(recorded=said.recorded_ms, digest=said.digest, occurred=said.at_ms)


def _text(text: str) -> str:
    """Text that can be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()


def read(record: Record) -> Read:
    """What a record says. Raises Stranger."""
    if record.known is not None:
        return record.known
    head = next((value for name, value in record.headers if name == HEAD), None)
    if head is None:
        raise Stranger("it does not say what it is")
    try:
        tenant = (record.key or b"").decode()
        if not TENANT.match(tenant):
            raise Stranger("its key is no tenant")
        found = _head(head)
        return Read(_said(tenant, record.value or b"", found), found.inbox, found.sender)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise Stranger(f"it is not as Salestream writes it ({type(error).__name__})") from error


def _said(tenant: str, body: bytes, head: _Event | _Refusal | _Decision) -> Journalled | Refused | Decision:
    if isinstance(head, _Event):
        told = _envelope(body)
        if told.tenant != tenant:
            raise Stranger("its key is not the tenant of its event")
        place = (told.source, told.id, told.type, head.occurred, told.subject)
        return Journalled(tenant, *place, head.digest, body, head.recorded)
    if isinstance(head, _Refusal):
        return Refused(
            tenant=tenant,
            reason=head.reason,
            field=head.field,
            body=body,
            origin=head.origin,
            source=head.source,
            id=head.id,
            recorded_ms=head.recorded,
        )
    return Decision(tenant, head.letter, head.outcome)
